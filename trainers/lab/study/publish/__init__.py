"""Write the study's scores into the cards of the registry."""
