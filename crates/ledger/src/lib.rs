//! Record format, canonical bytes, signatures, Merkle tree, checkpoints, proofs and verification
