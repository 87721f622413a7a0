"""A ProductSection with its questions (DSP0243 1.1, section 9.5)."""

from __future__ import annotations

from ..package.model import Product, Property
from .vocabulary import VMWARE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Context
    from .xmltree import Element


def product(context: Context, section: Element) -> Product:
    """The section; a Category counts for the properties that follow it."""
    class_name, instance = context.attribute(section, "class"), context.attribute(section, "instance")
    properties = []
    category = ""
    for child in section.children:
        if not context.vocabulary.own(child):
            continue
        if child.name == "Category":
            category = context.strings.text(child)
        elif child.name == "Property":
            properties.append(_property(context, child, class_name, instance, category))
    icons = (context.attribute(icon, "fileRef") for icon in context.vocabulary.children(section, "Icon"))
    return Product(
        section.line,
        class_name,
        instance,
        context.text(section, "Info"),
        context.text(section, "Product"),
        context.text(section, "Vendor"),
        context.text(section, "Version"),
        # the 0.9 draft has Full-version
        context.text(section, "FullVersion", "Full-version"),
        context.text(section, "ProductUrl"),
        context.text(section, "VendorUrl"),
        context.text(section, "AppUrl"),
        tuple(icon for icon in icons if icon),
        tuple(properties),
    )


def _property(context: Context, element: Element, class_name: str, instance: str, category: str) -> Property:
    key = context.attribute(element, "key")
    if not key:
        message = "a Property without key: the guest cannot be told its value"
        context.findings.error("property-incomplete", message, context.place(element), "give it ovf:key")
    values = {}
    # the text is as the deployer will see it: blanks in a value are its own
    default = context.vocabulary.attribute(element, "value")
    for value in context.vocabulary.children(element, "Value"):
        text = context.vocabulary.attribute(value, "value") or ""
        options = context.words(value, "configuration")
        values.update(dict.fromkeys(options, text))
        if not options and default is None:
            default = text
    return Property(
        key,
        element.line,
        class_name,
        instance,
        context.attribute(element, "type") or "string",
        default or "",
        context.attribute(element, "qualifiers"),
        (element.get("qualifiers", VMWARE) or "").strip(),
        context.truth(element, "userConfigurable"),
        context.truth(element, "password"),
        context.truth(element, "required"),
        context.text(element, "Label"),
        context.text(element, "Description"),
        category,
        context.words(element, "configuration"),
        values,
    )
