"""Long paths on one machine: hosts in network namespaces, and a slow cable between them."""
