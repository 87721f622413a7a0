#!/bin/sh
# The shop's own setup; says for whom it works.
echo "setup of $INSTANCE_ID" > /var/lib/shop-setup
