//! Policy text and a dossier to a decision with reasons
