"""Networks side by side: trained alike, exported alike, measured in one table and one picture."""
