//! C2SP signed notes, checkpoints and proofs: what their texts allow is read, and nothing else.

use adproof_ledger::note::{MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES, UnverifiedNote};
use adproof_ledger::{NamedKey, NoteError, TlogProof, TrustedKeys, VerifiedCheckpoint};

use crate::sample::{LOG, checkpoint_key, log, sign};

/// The example of Go's package for signed notes, whose key is published with it.
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const LINE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
/// Five bytes: an id and a signature of one byte.
const STRANGER: &str = "\u{2014} stranger AAAAAAA=\n";

fn verify(note: &str) -> Result<String, NoteError> {
    let keys = [NamedKey::parse_vkey(KEY).unwrap()];
    UnverifiedNote::parse(note.as_bytes())?.verify(&keys).map(str::to_owned)
}

#[test]
fn what_the_text_of_signed_note_allows_is_read() {
    let long = "n".repeat(5000);
    for lines in [
        LINE.to_owned(),
        format!("{STRANGER}{LINE}{STRANGER}"),
        // Names of others: of any length and any script, and ours with another id.
        format!("\u{2014} {long} AAAAAAA=\n{LINE}"),
        format!("\u{2014} \u{540d}\u{524d}/\u{e9}\u{7f} AAAAAAA=\n{LINE}"),
        format!("\u{2014} PeterNeumann AAAAAAA=\n{LINE}"),
        format!("\u{2014} someone x08gowA=\n{LINE}"),
        format!("{LINE}{LINE}"),
        LINE.to_owned() + &STRANGER.repeat(15),
        LINE.to_owned() + &STRANGER.repeat(MAX_NOTE_SIGNATURES - 1),
        // A signature of another algorithm may be long.
        format!("\u{2014} stranger {}\n{LINE}", "AAAA".repeat(1700)),
    ] {
        assert_eq!(verify(&format!("{TEXT}\n{lines}")).as_deref(), Ok(TEXT), "{lines}");
    }
    // The text may have empty lines: the last one ends it.
    for text in ["a\n\nb\n", "\n", "\n\n\n", "\u{2014} x AAAAAAA=\n\ny\n"] {
        let note = format!("{text}\n{STRANGER}");
        assert!(UnverifiedNote::parse(note.as_bytes()).is_ok(), "{note}");
        assert_eq!(verify(&note), Err(NoteError::NoKnownKey));
    }
}

#[test]
fn what_the_text_of_signed_note_forbids_is_refused() {
    let line = LINE.strip_suffix('\n').unwrap();
    for note in [
        String::new(),
        "\n\n".to_owned(),
        TEXT.to_owned(),
        format!("{TEXT}{LINE}"),
        format!("{TEXT}\n"),
        format!("{TEXT}\n{line}"),
        format!("{TEXT}\n{LINE}\n"),
        format!("{TEXT}\n{LINE}x"),
        format!("{TEXT}\t\n\n{LINE}"),
        format!("{TEXT}\r\n\n{LINE}"),
        format!("{TEXT}\u{0}\n\n{LINE}"),
        format!("{TEXT}\n{line}\r\n"),
        format!("{TEXT}\n{line} \n"),
        format!("{TEXT}\n {LINE}"),
        format!("{TEXT}\n{}", LINE.replacen('\u{2014}', "-", 1)),
        format!("{TEXT}\n{}", LINE.replacen('\u{2014}', "\u{2013}", 1)),
        format!("{TEXT}\n{}", LINE.replacen(' ', "  ", 1)),
        format!("{TEXT}\n{LINE}\u{2014} AAAAAAA=\n"),
        format!("{TEXT}\n{LINE}\u{2014}  AAAAAAA=\n"),
        format!("{TEXT}\n{LINE}\u{2014} a+b AAAAAAA=\n"),
        format!("{TEXT}\n{LINE}\u{2014} a\u{a0}b AAAAAAA=\n"),
        format!("{TEXT}\n{LINE}\u{2014} a\u{3000}b AAAAAAA=\n"),
        format!("{TEXT}\n{LINE}\u{2014} a\u{85}b AAAAAAA=\n"),
        format!("{TEXT}\n{LINE}\u{2014} stranger AAAAAAA\n"),
        format!("{TEXT}\n{LINE}\u{2014} stranger AAAAAAB=\n"),
        format!("{TEXT}\n{LINE}\u{2014} stranger AAAA-_A=\n"),
        format!("{TEXT}\n{LINE}\u{2014} stranger AAAAAA==\n"),
        format!("{TEXT}\n{LINE}\u{2014} stranger\n"),
        format!("{TEXT}\n{LINE}{}", STRANGER.repeat(MAX_NOTE_SIGNATURES)),
        format!("{}\n{LINE}", "x".repeat(MAX_NOTE_BYTES)),
    ] {
        assert_eq!(verify(&note), Err(NoteError::NotANote), "{note:?}");
    }
    let mut latin = format!("{TEXT}\n{LINE}").into_bytes();
    latin.insert(0, 0xe9);
    assert_eq!(UnverifiedNote::parse(&latin), Err(NoteError::NotANote));
}

#[test]
fn a_signature_of_a_known_key_that_does_not_fit_spoils_the_note() {
    let bad = LINE.replacen("ZJkuBS", "ZJkuBT", 1);
    let name = "PeterNeumann".to_owned();
    for lines in [bad.clone(), format!("{LINE}{bad}"), format!("{bad}{LINE}")] {
        let refused = Err(NoteError::BadSignature { name: name.clone() });
        assert_eq!(verify(&format!("{TEXT}\n{lines}")), refused, "{lines}");
    }
    // Shorter or longer than a signature of Ed25519.
    let short = "\u{2014} PeterNeumann x08gowA=\n";
    assert_eq!(verify(&format!("{TEXT}\n{short}")), Err(NoteError::BadSignature { name }));
}

/// Signs a text with the log's checkpoint key, whatever it says.
fn signed(text: &str) -> String {
    use adproof_ledger::Signer as _;
    use base64::Engine as _;
    let key = NamedKey::new(LOG, checkpoint_key().public_key()).unwrap();
    let signature = checkpoint_key().sign(text.as_bytes()).unwrap();
    let bytes = [&key.note_id()[..], &signature].concat();
    let line = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!("{text}\n\u{2014} {LOG} {line}\n")
}

#[test]
fn a_checkpoint_has_three_lines_and_extensions_that_are_not_empty() {
    let key = [NamedKey::new(LOG, adproof_ledger::Signer::public_key(&checkpoint_key())).unwrap()];
    let verify = |text: &str| {
        VerifiedCheckpoint::verify(signed(text).as_bytes(), LOG, &key).map(|one| one.size())
    };
    let root = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (tail, size) in [
        (format!("0\n{root}\n"), 0),
        (format!("7\n{root}\n"), 7),
        (format!("18446744073709551615\n{root}\n"), u64::MAX),
        (format!("7\n{root}\nextension\n"), 7),
        (format!("7\n{root}\none\ntwo three\n \n"), 7),
    ] {
        assert_eq!(verify(&format!("{LOG}\n{tail}")), Ok(size), "{tail}");
    }
    for tail in [
        String::new(),
        "7\n".to_owned(),
        format!("{root}\n"),
        format!("07\n{root}\n"),
        format!("+7\n{root}\n"),
        format!("-7\n{root}\n"),
        format!(" 7\n{root}\n"),
        format!("7 \n{root}\n"),
        format!("\n{root}\n"),
        format!("18446744073709551616\n{root}\n"),
        format!("7\n{}\n", &root[4..]),
        format!("7\nAAAA{root}\n"),
        format!("7\n{}\n", root.trim_end_matches('=')),
        format!("7\n{}B=\n", &root[..42]),
        "7\n\n".to_owned(),
        format!("7\n{root}\n\nextension\n"),
        format!("7\n{root}\nextension\n\n"),
    ] {
        let refused = verify(&format!("{LOG}\n{tail}"));
        assert_eq!(refused, Err(NoteError::NotACheckpoint), "{tail:?}");
    }
    let other = verify(&format!("another origin + anything\n7\n{root}\n"));
    assert!(matches!(other, Err(NoteError::OtherLog { .. })));
    assert_eq!(verify(&format!("\n7\n{root}\n")), Err(NoteError::NotACheckpoint));
}

#[test]
fn a_proof_is_read_in_its_one_form() {
    let log = log(3);
    let checkpoint = sign(&log.records, &checkpoint_key());
    let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let first = "c2sp.org/tlog-proof@v1";
    let read = |head: &str| TlogProof::parse(format!("{head}\n\n{checkpoint}").as_bytes());
    for (head, hashes) in [
        (format!("{first}\nindex 0"), 0),
        (format!("{first}\nindex 2\n{hash}"), 1),
        (format!("{first}\nextra YWJj\nindex 2\n{hash}\n{hash}"), 2),
        (format!("{first}\nindex 18446744073709551615"), 0),
    ] {
        assert_eq!(read(&head).map(|proof| proof.hashes.len()), Ok(hashes), "{head}");
    }
    for head in [
        "c2sp.org/tlog-proof@v2\nindex 0".to_owned(),
        format!("{first}\nindex 00"),
        format!("{first}\nindex -1"),
        format!("{first}\nindex +1"),
        format!("{first}\nindex "),
        format!("{first}\nindex 18446744073709551616"),
        format!("{first}\n{hash}"),
        format!("{first}\nindex 0\nextra YWJj"),
        format!("{first}\nextra YWJ\nindex 0"),
        format!("{first}\nextra YWJj\nextra YWJj\nindex 0"),
        format!("{first}\nindex 0\n{}", &hash[4..]),
        format!("{first}\nindex 0\n{}", hash.trim_end_matches('=')),
        format!("{first}\r\nindex 0"),
        format!(" {first}\nindex 0"),
    ] {
        assert!(read(&head).is_err(), "{head:?}");
    }
    for tail in ["", "x\n", "x\n\n\u{2014} y AAAAAAA=\n"] {
        let text = format!("{first}\nindex 0\n\n{tail}");
        assert!(TlogProof::parse(text.as_bytes()).is_err(), "{tail:?}");
    }
}

#[test]
fn published_keys_are_read_and_no_other_form_of_them() {
    // Of Go's checksum database, of Go's package for notes, and of the C2SP text.
    for text in ["sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8", KEY] {
        assert_eq!(NamedKey::parse_vkey(text).unwrap().to_vkey(), text);
        for other in [
            format!(" {text}"),
            format!("{text}\n"),
            format!("{text}="),
            text.replacen('+', "++", 1),
            text.to_uppercase(),
            text.replacen("+A", "+B", 1),
        ] {
            assert!(NamedKey::parse_vkey(&other).is_err(), "{other:?}");
        }
    }
    assert!(TrustedKeys::parse(KEY).is_err(), "a checkpoint key alone verifies no record");
}
