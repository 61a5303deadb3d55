"""A multi-tenant cloud PBX with a CRM integration API, on Asterisk and PostgreSQL."""
