"""Packaging. `datasources/` stands beside the agent as a showcase and is installed as `ovfinit.datasources`."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "ovfinit/__init__.py").read_text())[1]

IMAGE = ["boto3>=1.26", "cryptography>=38", "rich>=12"]
JUDGES = ["configobj>=5", "cot>=2.2", "lxml>=4", "moto[ec2,s3,server]>=5"]
TEMPLATE = ["jinja2>=3.0"]
TEST = [
    *IMAGE,
    *TEMPLATE,
    *JUDGES,
    "pytest>=7",
    "pytest-xdist>=3",
    "hypothesis>=6.80",
    "mypy>=1.8",
    "ruff>=0.5",
    "types-requests",
    "types-PyYAML",
]

setup(
    name="ovfinit",
    version=VERSION,
    description="Instance customization agent: probe, normalize, plan, apply",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=[*find_packages(include=["ovfinit", "ovfinit.*"]), "ovfinit.datasources"],
    package_dir={"ovfinit.datasources": "datasources"},
    package_data={"ovfinit": ["py.typed"]},
    install_requires=["requests>=2.28", "PyYAML>=6.0", "pycdlib>=1.12", "netifaces-plus>=0.12"],
    extras_require={"image": IMAGE, "template": TEMPLATE, "dev": TEST, "test": TEST},
    entry_points={"console_scripts": ["ovfinit = ovfinit.cli:main"]},
    zip_safe=False,
)
