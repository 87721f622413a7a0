#!/usr/bin/env python3
"""What a machine tells about itself once it is set up."""

import os

with open("/var/lib/shop-report", "w") as file:
    file.write(f"{os.environ['INSTANCE_ID']} {os.getcwd()}\n")
