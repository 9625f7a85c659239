"""The control API: what a station lets programs on its own machine see and do."""
