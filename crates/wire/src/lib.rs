//! The JSON documents that other programs rely on, versioned, with their schemas
