//! RFC 3161 tokens of a real authority: `openssl ts` with keys and certificates of this test.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use adproof_edge::anchors::rfc3161::{
    Stamp, TokenError, TokenLimits, nonce_of, request, roots_of_pem, verify,
};
use tempfile::TempDir;

const STAMPED: &[u8] = b"log.example/adproof\n9\nroot\n";

const USES: &str = "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n";
const TIME_STAMPS: &str = "extendedKeyUsage=critical,timeStamping\n";

/// A certificate authority and a time stamp authority below it.
struct Authority {
    dir: TempDir,
}

impl Authority {
    /// `key` is what `openssl req -newkey` takes.
    fn new(key: &[&str], digest: &str) -> Self {
        let authority = Self { dir: tempfile::tempdir().unwrap() };
        let root = ["req", "-x509", "-nodes", "-keyout", "root.key", "-out", "root.pem"];
        let root = [&root[..], &["-subj", "/CN=A root", "-days", "3650", "-newkey"], key].concat();
        authority.openssl(&root);
        let csr = ["req", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr"];
        let csr = [&csr[..], &["-subj", "/O=Test/CN=A time stamp authority", "-newkey"], key];
        authority.openssl(&csr.concat());
        authority.write("index.txt", "");
        authority.write("serial", "01\n");
        authority.write(
            "ca.cnf",
            "[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nnew_certs_dir=.\ndefault_md=sha256\n\
             policy=p\nrand_serial=yes\nunique_subject=no\n[p]\norganizationName=optional\n\
             commonName=supplied\n",
        );
        authority.write(
            "ts.cnf",
            &format!(
                "[tsa]\ndefault_tsa=t\n[t]\nserial=serial\nsigner_cert=tsa.pem\n\
                 signer_key=tsa.key\nsigner_digest={digest}\ndefault_policy=1.2.3.4.1\n\
                 digests=sha256,sha384,sha512\naccuracy=secs:1,millisecs:500,microsecs:100\n\
                 ordering=yes\ntsa_name=yes\ness_cert_id_chain=no\ness_cert_id_alg=sha256\n",
            ),
        );
        authority.certify(
            "tsa.pem",
            &format!("{USES}{TIME_STAMPS}"),
            "20200101000000Z",
            "20491231000000Z",
        );
        authority
    }

    fn rsa() -> Self {
        Self::new(&["rsa:2048"], "sha256")
    }

    fn ec() -> Self {
        Self::new(&["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "sha256")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    #[track_caller]
    fn openssl(&self, args: &[&str]) -> Output {
        let mut command = Command::new("openssl");
        let output = command.args(args).current_dir(self.dir.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {args:?}\n{said}");
        output
    }

    fn certify(&self, name: &str, extensions: &str, from: &str, to: &str) {
        self.write("extensions", extensions);
        self.openssl(&[
            "ca",
            "-batch",
            "-config",
            "ca.cnf",
            "-cert",
            "root.pem",
            "-keyfile",
            "root.key",
            "-in",
            "tsa.csr",
            "-out",
            name,
            "-notext",
            "-startdate",
            from,
            "-enddate",
            to,
            "-extfile",
            "extensions",
        ]);
    }

    /// What the authority answers to a request.
    fn answer(&self, request: &[u8]) -> Vec<u8> {
        fs::write(self.path("q.tsq"), request).unwrap();
        let args = ["ts", "-reply", "-config", "ts.cnf", "-queryfile", "q.tsq", "-out", "r.tsr"];
        self.openssl(&args);
        self.read("r.tsr")
    }

    /// The content of a token, signed anew as a certificate of another use would sign it.
    fn sign_again(&self, response: &[u8], certificate: &str) -> Vec<u8> {
        fs::write(self.path("r.tsr"), response).unwrap();
        self.openssl(&["ts", "-reply", "-in", "r.tsr", "-token_out", "-out", "token.der"]);
        let content = ["cms", "-verify", "-noverify", "-inform", "DER", "-in", "token.der"];
        self.openssl(&[&content[..], &["-binary", "-out", "tst.der"]].concat());
        self.openssl(&[
            "cms",
            "-sign",
            "-binary",
            "-nodetach",
            "-nosmimecap",
            "-cades",
            "-md",
            "sha256",
            "-econtent_type",
            "1.2.840.113549.1.9.16.1.4",
            "-in",
            "tst.der",
            "-outform",
            "DER",
            "-signer",
            certificate,
            "-inkey",
            "tsa.key",
            "-out",
            "again.der",
        ]);
        self.read("again.der")
    }

    fn roots(&self) -> Vec<Vec<u8>> {
        roots_of_pem(&self.read("root.pem")).unwrap()
    }

    fn verify(&self, response: &[u8], nonce: Option<&[u8]>) -> Result<Stamp, TokenError> {
        verify(response, STAMPED, nonce, &self.roots(), &TokenLimits::default())
    }
}

fn stamped(authority: &Authority) -> (Vec<u8>, Vec<u8>) {
    let request = request(STAMPED, [7; 8]);
    (authority.answer(&request), nonce_of(&request).unwrap())
}

#[test]
fn tokens_of_rsa_ecdsa_and_longer_hashes_verify() {
    let p384 = Authority::new(&["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "sha384");
    for authority in
        [Authority::rsa(), Authority::ec(), p384, Authority::new(&["rsa:3072"], "sha512")]
    {
        let (response, nonce) = stamped(&authority);
        let stamp = authority.verify(&response, Some(&nonce)).unwrap();
        assert_eq!(stamp.authority, "A time stamp authority");
        assert_eq!(stamp.accuracy_us, 1_500_100);
        assert_eq!(stamp.not_after_us() - stamp.not_before_us(), 3_000_200);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let now = i64::try_from(now.as_micros()).unwrap();
        assert!((now - 60_000_000..=now + 1_000_000).contains(&stamp.time_us));
        // The authority's own tool says the same.
        fs::write(authority.path("stamped"), STAMPED).unwrap();
        let args = ["ts", "-verify", "-data", "stamped", "-in", "r.tsr", "-CAfile", "root.pem"];
        authority.openssl(&args);
    }
}

#[test]
fn a_request_of_openssl_and_ours_are_read_alike() {
    let authority = Authority::ec();
    fs::write(authority.path("stamped"), STAMPED).unwrap();
    authority.openssl(&["ts", "-query", "-data", "stamped", "-sha512", "-cert", "-out", "q"]);
    let theirs = authority.read("q");
    let response = authority.answer(&theirs);
    authority.verify(&response, Some(&nonce_of(&theirs).unwrap())).unwrap();
    let ours = request(STAMPED, [0xff; 8]);
    fs::write(authority.path("ours"), &ours).unwrap();
    let text = authority.openssl(&["ts", "-query", "-in", "ours", "-text"]).stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(text.contains("Nonce: 0x7FFFFFFFFFFFFFFF"), "{text}");
    assert!(text.contains("Certificate required: yes"), "{text}");
}

#[test]
fn another_imprint_nonce_root_or_bound_is_refused() {
    let authority = Authority::ec();
    let (response, nonce) = stamped(&authority);
    let roots = authority.roots();
    let limits = TokenLimits::default();
    let over = |stamped: &[u8], nonce: Option<&[u8]>, roots: &[Vec<u8>], limits: &TokenLimits| {
        verify(&response, stamped, nonce, roots, limits).unwrap_err()
    };
    assert!(verify(&response, STAMPED, None, &roots, &limits).is_ok());
    assert_eq!(over(b"else", Some(&nonce), &roots, &limits), TokenError::OtherImprint);
    assert_eq!(over(STAMPED, Some(&[1, 2]), &roots, &limits), TokenError::OtherNonce);
    let stranger = Authority::ec();
    assert_eq!(over(STAMPED, None, &stranger.roots(), &limits), TokenError::UnknownRoot);
    assert_eq!(over(STAMPED, None, &[], &limits), TokenError::UnknownRoot);
    assert_eq!(over(STAMPED, None, &[vec![0x30, 0]], &limits), TokenError::NotARoot);
    let bytes = TokenLimits { bytes: response.len() - 1, ..limits };
    assert_eq!(over(STAMPED, None, &roots, &bytes), TokenError::TooLarge);
    let bytes = TokenLimits { bytes: response.len(), certificates: 1 };
    assert!(verify(&response, STAMPED, None, &roots, &bytes).is_ok());
    let certificates = TokenLimits { certificates: 0, ..limits };
    assert_eq!(over(STAMPED, None, &roots, &certificates), TokenError::TooLarge);
}

#[test]
fn a_certificate_that_had_expired_is_refused() {
    let authority = Authority::ec();
    let uses = format!("{USES}{TIME_STAMPS}");
    for (from, to) in
        [("20200101000000Z", "20210101000000Z"), ("20480101000000Z", "20490101000000Z")]
    {
        authority.certify("tsa.pem", &uses, from, to);
        let (response, _) = stamped(&authority);
        let refused = authority.verify(&response, None).unwrap_err();
        assert!(matches!(refused, TokenError::Chain { .. }), "{refused:?}");
    }
}

#[test]
fn a_certificate_for_anything_else_is_refused() {
    let authority = Authority::rsa();
    let (response, nonce) = stamped(&authority);
    let (from, to) = ("20200101000000Z", "20491231000000Z");
    // Signed anew with the same certificate the token holds, and without its response.
    let again = authority.sign_again(&response, "tsa.pem");
    authority.verify(&again, Some(&nonce)).unwrap();
    for uses in [
        "",
        "extendedKeyUsage=timeStamping\n",
        "extendedKeyUsage=critical,codeSigning\n",
        "extendedKeyUsage=critical,timeStamping,codeSigning\n",
    ] {
        authority.certify("other.pem", &format!("{USES}{uses}"), from, to);
        let again = authority.sign_again(&response, "other.pem");
        let refused = authority.verify(&again, Some(&nonce)).unwrap_err();
        assert_eq!(refused, TokenError::OtherUse, "{uses}");
    }
}

#[test]
fn a_refusal_is_told() {
    let authority = Authority::ec();
    // An imprint of an algorithm that the authority does not serve.
    fs::write(authority.path("stamped"), STAMPED).unwrap();
    authority.openssl(&["ts", "-query", "-data", "stamped", "-sha1", "-cert", "-out", "q"]);
    let refused = authority.answer(&authority.read("q"));
    assert_eq!(authority.verify(&refused, None), Err(TokenError::Refused(2)));
}

#[test]
fn a_token_without_its_certificate_is_refused() {
    let authority = Authority::ec();
    fs::write(authority.path("stamped"), STAMPED).unwrap();
    authority.openssl(&["ts", "-query", "-data", "stamped", "-sha256", "-out", "q"]);
    let response = authority.answer(&authority.read("q"));
    assert_eq!(authority.verify(&response, None), Err(TokenError::NoCertificate));
}

#[test]
fn no_cut_token_verifies_and_no_flipped_bit_says_anything_else() {
    for authority in [Authority::rsa(), Authority::ec()] {
        let (response, nonce) = stamped(&authority);
        let stamp = authority.verify(&response, Some(&nonce)).unwrap();
        let roots = authority.roots();
        let limits = TokenLimits::default();
        let mut held = 0;
        for index in 0..response.len() {
            let cut = &response[..index];
            assert!(verify(cut, STAMPED, Some(&nonce), &roots, &limits).is_err(), "{index}");
            let mut changed = response.clone();
            changed[index] ^= 1 << (index % 8);
            // What nobody signs may differ; what the token says may not.
            if let Ok(said) = verify(&changed, STAMPED, Some(&nonce), &roots, &limits) {
                assert_eq!(said, stamp, "byte {index}");
                held += 1;
            }
        }
        assert!(held < 100, "{held} of {} bytes are signed by nobody", response.len());
    }
}
