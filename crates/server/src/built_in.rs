//! The page as `cargo xtask web` left it in web/dist, inside the program. The build script lists its
//! files; a test compares the list with the folder.

include!(concat!(env!("OUT_DIR"), "/built_in.rs"));
