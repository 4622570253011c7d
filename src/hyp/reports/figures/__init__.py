"""Figures, drawn as inline SVG; one small panel each, so that a narrow screen can stack them."""
