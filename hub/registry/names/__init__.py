"""Names as people write them: of bases (`sd 1.5`), and of modules for one language (`mulan-fr`)."""
