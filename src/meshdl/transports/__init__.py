"""Shells that make links: WebRTC, loopback; later TNCs and modems."""
