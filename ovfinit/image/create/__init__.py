"""What a new package is told: machine, product and questions."""
