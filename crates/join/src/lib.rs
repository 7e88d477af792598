//! Legs of evidence, in any order and late, to dossiers
