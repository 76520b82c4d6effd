"""The catalogue of layers and their editions, on PostGIS."""
