//! The vectors of the standards that a log is made of, written from their texts. What we take is
//! a part of RFC 8785 (integers), all of RFC 6962's tree, and strict Ed25519.

use adproof_ledger::tree::{self, MemoryTree, leaf_hash};
use adproof_ledger::{
    Body, Hash, KeyId, MAX_INT, MemoryKey, Number, ParseFault, PublicKey, Record, Signer as _,
};
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::CompressedEdwardsY;

use crate::attack::lax_signature;
use crate::published::records;
use crate::sample::{LOG, draft, time};

fn hex(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (0..digits.len() / 2)
        .map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}

fn record(value: i64, text: &str) -> Record {
    let mut draft = draft(3);
    draft.dec.reasons[0].numbers = vec![Number { name: "n".to_owned(), value }];
    text.clone_into(&mut draft.dec.reasons[0].outcome);
    Record {
        log: LOG.to_owned(),
        seq: 9,
        prev: Hash::of(b"prev"),
        kid: KeyId::new([7; 32]),
        time: time(3),
        body: Body::Decision(Box::new(draft)),
    }
}

/// RFC 8785, appendix B: the bits of a double and how it is written; NaN and Infinity are errors.
const NUMBERS: [(u64, &str); 24] = [
    (0x0000_0000_0000_0000, "0"),
    (0x8000_0000_0000_0000, "0"),
    (0x0000_0000_0000_0001, "5e-324"),
    (0x8000_0000_0000_0001, "-5e-324"),
    (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
    (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
    (0x4340_0000_0000_0000, "9007199254740992"),
    (0xc340_0000_0000_0000, "-9007199254740992"),
    (0x4430_0000_0000_0000, "295147905179352830000"),
    (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
    (0x44b5_2d02_c7e1_4af6, "1e+23"),
    (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
    (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
    (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
    (0x444b_1ae4_d6e2_ef50, "1e+21"),
    (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
    (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
    (0x41b3_de43_5555_5553, "333333333.3333332"),
    (0x41b3_de43_5555_5554, "333333333.33333325"),
    (0x41b3_de43_5555_5555, "333333333.3333333"),
    (0x41b3_de43_5555_5556, "333333333.3333334"),
    (0x41b3_de43_5555_5557, "333333333.33333343"),
    (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
    (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
];

#[test]
fn of_the_numbers_of_rfc_8785_those_are_read_that_are_integers() {
    let text = String::from_utf8(record(1, "x").to_bytes().unwrap()).unwrap();
    let with = |number: &str| {
        let changed = text.replacen(
            "{\"name\":\"n\",\"value\":1}",
            &format!("{{\"name\":\"n\",\"value\":{number}}}"),
            1,
        );
        Record::parse(changed.as_bytes()).map_err(|error| error.fault)
    };
    for (bits, number) in NUMBERS {
        let other = serde_json_canonicalizer::to_string(&f64::from_bits(bits)).unwrap();
        assert_eq!(other, number, "{bits:016x}");
        let read = with(number);
        if number == "0" {
            assert_eq!(read, Ok(record(0, "x")));
        } else {
            let fault = read.unwrap_err();
            let no_integer = number.contains(['.', 'e']);
            let expected = if no_integer { ParseFault::Float } else { ParseFault::IntegerTooLarge };
            assert_eq!(fault, expected, "{number}");
        }
    }
    for number in [MAX_INT, -MAX_INT, 1, -1, 9, 10, 1_000_000] {
        let other = serde_json_canonicalizer::to_string(&number).unwrap();
        assert_eq!(with(&other), Ok(record(number, "x")));
    }
    for other_form in [
        "-0", "00", "01", "+1", "1.", "1.0", "1e0", "1E0", "0x1", "NaN", "Infinity", " 1", "1 ",
        "", "-",
    ] {
        assert!(with(other_form).is_err(), "{other_form}");
    }
}

#[test]
fn the_string_of_rfc_8785_has_its_one_form() {
    // Section 3.2.2: the same string as it came and as it is written.
    let came = r#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/""#;
    let written = "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"";
    let value: String = serde_json::from_str(came).unwrap();
    assert_eq!(serde_json_canonicalizer::to_string(&value).unwrap(), written);
    let bytes = record(1, &value).to_bytes().unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains(&format!("\"outcome\":{written}")), "{text}");
    assert_eq!(Record::parse(&bytes), Ok(record(1, &value)));
    let changed = text.replacen(written, came, 1);
    assert!(Record::parse(changed.as_bytes()).is_err());
    // Every character below U+0080, each in every other form that JSON has for it.
    for code in 0..0x80_u8 {
        let character = char::from(code).to_string();
        let bytes = record(1, &character).to_bytes().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let form = serde_json_canonicalizer::to_string(&character).unwrap();
        let outcome = |form: &str| format!("\"outcome\":{form}");
        assert!(text.contains(&outcome(&form)), "{code:02x}");
        for other in [
            format!("\"\\u{code:04x}\""),
            format!("\"\\u{code:04X}\""),
            format!("\"\\{character}\""),
        ] {
            let changed = text.replacen(&outcome(&form), &outcome(&other), 1);
            let read = Record::parse(changed.as_bytes()) == Ok(record(1, &character));
            assert_eq!(read, other == form, "{other}");
        }
    }
}

#[test]
fn another_rfc_8785_agrees_on_every_type_of_record() {
    for record in records() {
        let value: serde_json::Value = serde_json::from_slice(&record.bytes).unwrap();
        assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), record.bytes);
    }
}

#[test]
fn the_signatures_of_rfc_8032_are_made_and_taken() {
    let lines = include_str!("../vector/rfc8032.txt").lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for line in lines {
        let [secret, public, message, signature] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("four values: {line}")
        };
        let key = MemoryKey::from_seed(&array(secret));
        assert_eq!(key.public_key().as_bytes(), &array::<32>(public));
        let (message, signature) = (hex(message), array::<64>(signature));
        assert_eq!(key.sign(&message), Ok(signature));
        assert!(key.public_key().verify(&message, &signature).is_ok());
        let mut longer = message.clone();
        longer.push(0);
        assert!(key.public_key().verify(&longer, &signature).is_err());
        for at in 0..64 {
            let mut changed = signature;
            changed[at] ^= 1;
            assert!(key.public_key().verify(&message, &changed).is_err());
        }
        count += 1;
    }
    assert_eq!(count, 5);
}

#[test]
fn of_the_edge_cases_of_eddsa_strict_verification_takes_one() {
    let lines = include_str!("../vector/eddsa-cases.txt").lines();
    for line in lines.filter(|line| !line.starts_with('#')) {
        let [number, public, message, signature, strict] = line.split(' ').collect::<Vec<_>>()[..]
        else {
            panic!("five values: {line}")
        };
        let taken = PublicKey::from_bytes(&array(public))
            .is_ok_and(|key| key.verify(&hex(message), &array(signature)).is_ok());
        assert_eq!(taken, strict == "yes", "case {number}");
    }
}

/// 2²⁵⁵ − 19, little-endian.
fn p() -> [u8; 32] {
    let mut p = [0xff; 32];
    (p[0], p[31]) = (0xed, 0x7f);
    p
}

/// The encodings with y ≥ 2²⁵⁵ − 19, with both signs: none is canonical.
fn second_encodings() -> Vec<[u8; 32]> {
    let mut encodings = Vec::new();
    for above in 0..19 {
        let mut y = p();
        y[0] += above;
        encodings.push(y);
        y[31] |= 0x80;
        encodings.push(y);
    }
    encodings
}

#[test]
fn points_of_small_order_and_second_encodings_are_neither_keys_nor_in_signatures() {
    let mut points: Vec<[u8; 32]> = EIGHT_TORSION.iter().map(|point| point.compress().0).collect();
    assert_eq!(points.len(), 8);
    points.extend(second_encodings());
    // The two points with x = 0 have a second encoding with the sign set.
    for y in [
        {
            let mut one = [0; 32];
            one[0] = 1;
            one
        },
        {
            let mut minus = p();
            minus[0] -= 1;
            minus
        },
    ] {
        let mut signed = y;
        signed[31] |= 0x80;
        points.push(signed);
    }
    let key = MemoryKey::from_seed(&[9; 32]);
    let public = key.public_key();
    let message = b"message";
    let good = key.sign(message).unwrap();
    for point in &points {
        assert!(PublicKey::from_bytes(point).is_err(), "{}", Hash::new(*point));
        let mut zero = [0; 64];
        zero[..32].copy_from_slice(point);
        assert!(public.verify(message, &zero).is_err());
        let mut other = good;
        other[..32].copy_from_slice(point);
        assert!(public.verify(message, &other).is_err());
        if CompressedEdwardsY(*point).decompress().is_some_and(|point| point.is_small_order()) {
            let lax = lax_signature(&[9; 32], point, message);
            assert!(public.verify(message, &lax).is_err());
        }
    }
}

#[test]
fn a_signature_has_one_s() {
    // L = 2²⁵² + 27742317777372353535851937790883648493, little-endian.
    let order = array::<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let key = MemoryKey::from_seed(&[9; 32]);
    let good = key.sign(b"message").unwrap();
    let mut carry = 0_u16;
    let mut second = good;
    for (at, digit) in order.iter().enumerate() {
        carry += u16::from(good[32 + at]) + u16::from(*digit);
        second[32 + at] = u8::try_from(carry & 255).unwrap();
        carry >>= 8;
    }
    assert!(key.public_key().verify(b"message", &good).is_ok());
    assert!(key.public_key().verify(b"message", &second).is_err());
    let mut high = good;
    high[63] |= 0xe0;
    assert!(key.public_key().verify(b"message", &high).is_err());
}

/// The inputs that implementations of Certificate Transparency share, and the roots of the trees
/// of the first 1 to 8 of them.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const N01: &str = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
const N23: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const N45: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
const N67: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const N03: &str = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
const N47: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const L0: &str = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
const L1: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const L4: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const L6: &str = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f";

/// Place, size, proof.
const INCLUSION: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (0, 8, &[L1, N23, N47]),
    (5, 8, &[L4, N67, N03]),
    (2, 3, &[N01]),
    (1, 5, &[L0, N23, L4]),
];

/// Old size, new size, proof.
const CONSISTENCY: [(u64, u64, &[&str]); 5] = [
    (1, 1, &[]),
    (1, 8, &[L1, N23, N47]),
    (6, 8, &[N45, N67, N03]),
    (2, 5, &[N23, L4]),
    (6, 7, &[N45, L6, N03]),
];

fn hashes(proof: &[&str]) -> Vec<Hash> {
    proof.iter().map(|hash| Hash::from_hex(hash).unwrap()).collect()
}

fn reference() -> (MemoryTree, Vec<Hash>) {
    let tree = LEAVES.iter().map(|leaf| leaf_hash(&hex(leaf))).collect();
    (tree, ROOTS.iter().map(|root| Hash::from_hex(root).unwrap()).collect())
}

#[test]
fn the_tree_of_certificate_transparency_has_its_roots_and_proofs() {
    let (tree, roots) = reference();
    for (size, root) in (0..).zip(&roots) {
        assert_eq!(tree::root_at(&tree, size), Ok(*root), "{size}");
    }
    for (index, size, proof) in INCLUSION {
        assert_eq!(tree::inclusion_proof(&tree, index, size), Ok(hashes(proof)), "{index} {size}");
    }
    for (old, new, proof) in CONSISTENCY {
        assert_eq!(tree::consistency_proof(&tree, old, new), Ok(hashes(proof)), "{old} {new}");
    }
}

/// What a proof becomes in other hands: a hash more, less, changed, in another order.
fn corrupted(proof: &[Hash], root: Hash) -> Vec<Vec<Hash>> {
    let mut all = vec![[proof, &[root]].concat(), [&[root], proof].concat()];
    if let Some((first, rest)) = proof.split_first() {
        all.push(rest.to_vec());
        all.push(proof[..proof.len() - 1].to_vec());
        all.push([&[*first], proof].concat());
    }
    for at in 0..proof.len() {
        let mut changed = proof.to_vec();
        let mut bytes = *changed[at].as_bytes();
        bytes[0] ^= 8;
        changed[at] = Hash::new(bytes);
        all.push(changed);
    }
    if proof.len() > 1 {
        all.push(proof.iter().rev().copied().collect());
    }
    all
}

#[test]
fn every_proof_of_the_reference_tree_holds_and_none_that_was_changed() {
    let (tree, roots) = reference();
    for size in 0..=8_u64 {
        let root = roots[usize::try_from(size).unwrap()];
        for index in 0..size {
            let leaf = leaf_hash(&hex(LEAVES[usize::try_from(index).unwrap()]));
            let proof = tree::inclusion_proof(&tree, index, size).unwrap();
            let check = |index, size, leaf: &Hash, proof: &[Hash], root: &Hash| {
                tree::verify_inclusion(leaf, index, size, proof, root).is_ok()
            };
            assert!(check(index, size, &leaf, &proof, &root));
            for other in [index.wrapping_sub(1), index + 1, index ^ 2, u64::MAX] {
                assert!(!check(other, size, &leaf, &proof, &root));
            }
            if size > 1 {
                assert!(!check(index, size * 2, &leaf, &proof, &root));
                assert!(!check(index, size / 2, &leaf, &proof, &root));
            }
            assert!(!check(index, 0, &leaf, &proof, &root));
            assert!(!check(index, size, &Hash::of(b"other"), &proof, &root));
            assert!(!check(index, size, &leaf, &proof, &tree::empty_root()));
            for proof in corrupted(&proof, root) {
                assert!(!check(index, size, &leaf, &proof, &root));
            }
        }
        for old in 0..=size {
            let old_root = roots[usize::try_from(old).unwrap()];
            let proof = tree::consistency_proof(&tree, old, size).unwrap();
            let check = |old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]| {
                tree::verify_consistency((old, old_root), (new, new_root), proof).is_ok()
            };
            assert!(check(old, &old_root, size, &root, &proof), "{old} {size}");
            assert!(!check(old, &Hash::of(b"other"), size, &root, &proof));
            if old > 0 && old < size {
                assert!(!check(old, &old_root, size, &Hash::of(b"other"), &proof));
                assert!(!check(old, &root, size, &old_root, &proof));
                assert!(!check(old - 1, &old_root, size, &root, &proof));
                assert!(!check(old ^ 2, &old_root, size, &root, &proof));
                assert!(!check(size, &root, old, &old_root, &proof));
                assert!(!check(old, &old_root, size * 2, &root, &proof));
                assert!(!check(old, &old_root, size, &root, &[]));
            }
            for proof in corrupted(&proof, root) {
                assert!(!check(old, &old_root, size, &root, &proof), "{old} {size}");
            }
        }
    }
}
