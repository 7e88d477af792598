//! One `clippy.toml` for every pure crate: the calls that would break "same input, same bytes".

use crate::deps::PURE;

const BANS: &str = r#"# Written by `cargo xtask purity`; edit crates/xtask/src/purity.rs instead.
# A pure crate gives the same bytes for the same input, on any machine and in a browser.
allow-unwrap-in-tests = true
allow-expect-in-tests = true
allow-panic-in-tests = true
allow-dbg-in-tests = true
disallowed-types = [
    { path = "std::fs::File", reason = "pure crates read no files; take bytes" },
    { path = "std::net::TcpStream", reason = "pure crates fetch nothing" },
    { path = "std::net::UdpSocket", reason = "pure crates fetch nothing" },
    { path = "std::process::Command", reason = "pure crates start nothing" },
    { path = "std::time::Instant", reason = "pure crates know no clock; take the time" },
    { path = "std::time::SystemTime", reason = "pure crates know no clock; take the time" },
]
disallowed-methods = [
    { path = "std::env::var", reason = "pure crates take parameters" },
    { path = "std::env::var_os", reason = "pure crates take parameters" },
    { path = "std::fs::read", reason = "pure crates read no files; take bytes" },
    { path = "std::fs::read_dir", reason = "pure crates read no files; take bytes" },
    { path = "std::fs::read_to_string", reason = "pure crates read no files; take bytes" },
    { path = "std::fs::write", reason = "pure crates write no files; give bytes" },
    { path = "std::io::stdin", reason = "pure crates read no input; take bytes" },
    { path = "std::thread::spawn", reason = "pure crates know no threads" },
    { path = "std::thread::sleep", reason = "pure crates know no clock" },
    { path = "f64::cbrt", reason = "differs between platforms; use libm" },
    { path = "f64::cos", reason = "differs between platforms; use libm" },
    { path = "f64::exp", reason = "differs between platforms; use libm" },
    { path = "f64::exp2", reason = "differs between platforms; use libm" },
    { path = "f64::exp_m1", reason = "differs between platforms; use libm" },
    { path = "f64::hypot", reason = "differs between platforms; use libm" },
    { path = "f64::ln", reason = "differs between platforms; use libm" },
    { path = "f64::ln_1p", reason = "differs between platforms; use libm" },
    { path = "f64::log", reason = "differs between platforms; use libm" },
    { path = "f64::log10", reason = "differs between platforms; use libm" },
    { path = "f64::log2", reason = "differs between platforms; use libm" },
    { path = "f64::powf", reason = "differs between platforms; use libm" },
    { path = "f64::powi", reason = "differs between platforms; multiply" },
    { path = "f64::sin", reason = "differs between platforms; use libm" },
    { path = "f64::tan", reason = "differs between platforms; use libm" },
    { path = "f64::tanh", reason = "differs between platforms; use libm" },
]
"#;

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let check = crate::check_flag(args)?;
    for name in PURE {
        let path = format!("crates/{name}/clippy.toml");
        crate::generated(&path, BANS.as_bytes(), check, "cargo xtask purity")?;
    }
    Ok(())
}
