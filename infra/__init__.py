"""What deploys and shapes the world that Plazo runs in: SQL migrations first of all."""
