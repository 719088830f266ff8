"""What all pages share: navigation, static files, compression, and the files that browsers and robots ask for."""
