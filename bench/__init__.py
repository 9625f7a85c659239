"""What meshdl costs and how fast it is: ``make bench`` prints every figure with its command."""
