"""Writing the ISO image that carries an OVF environment (DMTF DSP0243, transport `iso`)."""

from __future__ import annotations

from io import BytesIO

LABEL = "OVF ENV"


def compose(environment: bytes) -> bytes:
    """An image with `ovf-env.xml` in its root: Joliet, as the standard asks, and Rock Ridge, as Linux shows it.

    The label is the one that vCenter gives. The same document gives the same image, dates aside.
    """
    import pycdlib

    image = pycdlib.PyCdlib()
    image.new(joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    image.add_fp(
        BytesIO(environment), len(environment), "/OVF_ENV.XML;1", rr_name="ovf-env.xml", joliet_path="/ovf-env.xml"
    )
    written = BytesIO()
    image.write_fp(written)
    image.close()
    return written.getvalue()
