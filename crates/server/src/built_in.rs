//! The page as `cargo xtask web` left it in web/dist, inside the program. The list is fixed; a test
//! compares it with the folder.

/// Each file by its name in the page.
macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$((
            $name,
            include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/dist/", $name)).as_slice(),
        )),+]
    };
}

pub(crate) static FILES: &[(&str, &[u8])] = files![
    "adproof.js",
    "adproof_bg.wasm",
    "dom.js",
    "engine.js",
    "icon.svg",
    "index.html",
    "lint.js",
    "page.css",
    "page.js",
    "samples/ioc-ipv6-2026-05.xlsx",
    "samples/ioc-ipv6-2026-W11.csv",
    "samples/ioc-ipv6-2026-W12.csv",
    "samples/ioc-ipv6-2026-W13.csv",
    "samples/ioc-ipv6-2026-W14.csv",
    "samples/ioc-ipv6-2026-W15.csv",
    "samples/ioc-ipv6-2026-W16.csv",
    "samples/ioc-ipv6-2026-W17.csv",
    "samples/ioc-ipv6-2026-W18.csv",
    "samples/ioc-ipv6-2026-W19.csv",
    "samples/ioc-ipv6-2026-W20.xlsx",
    "samples/ioc-ipv6-2026-W21.xlsx",
    "samples/issues.json",
    "samples/tag.xml",
    "score.js",
    "text.js",
    "worker.js",
];
