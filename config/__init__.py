"""Réglages et connexions : la seule pièce qui lise l'environnement."""
