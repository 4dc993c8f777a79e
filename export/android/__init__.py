"""The texts of android_demo_assets/: its manifest and its README."""
