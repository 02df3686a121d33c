"""The trade in medicines and devices: companies, products, titles, recalls and alerts."""
