//! Workbooks, CSV, JSONL, STIX, MISP, event logs and ASN tables to indicators and events, rejects with reasons
