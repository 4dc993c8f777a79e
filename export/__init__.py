"""What only a checkout can use: launchers, the app's assets, the page's server, device kits."""
