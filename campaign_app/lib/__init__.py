"""Tools without knowledge of Carillon's tables: clock, errors, tenancy, signing, address, html."""
