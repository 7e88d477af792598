use super::*;
use proptest::prelude::*;

fn varbytes(bytes: &[u8]) -> Vec<u8> {
    [varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let [.., low] = number.to_be_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return out;
        }
        out.push(low | 0x80);
    }
}

fn head(stamped: &[u8]) -> Vec<u8> {
    [MAGIC, &[SHA256], Hash::of(stamped).as_bytes()].concat()
}

fn bitcoin(height: u64) -> Vec<u8> {
    [&[ATTESTATION][..], &BITCOIN, &varbytes(&varint(height))].concat()
}

fn pending(calendar: &str) -> Vec<u8> {
    let content = varbytes(calendar.as_bytes());
    [&[ATTESTATION][..], &PENDING, &varbytes(&content)].concat()
}

/// A receipt as calendars make them: a nonce, a calendar's tree, and two branches, one of which
/// is in a block. Gives the Merkle root that it leads to.
fn receipt(stamped: &[u8], height: u64) -> (Vec<u8>, [u8; 32]) {
    let mut bytes = head(stamped);
    let mut message = Hash::of(stamped).as_bytes().to_vec();
    bytes.extend([&[APPEND][..], &varbytes(b"nonce of 16 byte")].concat());
    message.extend(b"nonce of 16 byte");
    bytes.push(SHA256);
    message = Hash::of(&message).as_bytes().to_vec();
    bytes.push(FORK);
    bytes.extend(pending("https://calendar.example"));
    bytes.extend([&[PREPEND][..], &varbytes(b"left")].concat());
    message = [b"left", message.as_slice()].concat();
    bytes.extend([SHA256, SHA256]);
    message = Hash::of(Hash::of(&message).as_bytes()).as_bytes().to_vec();
    bytes.extend(bitcoin(height));
    (bytes, message.try_into().unwrap())
}

/// A header over a root, with as little work as the format allows.
fn header(root: [u8; 32]) -> [u8; 80] {
    let mut header = [0; 80];
    header[0] = 4;
    header[36..68].copy_from_slice(&root);
    header[68..72].copy_from_slice(&1_780_000_000_u32.to_le_bytes());
    header[72..76].copy_from_slice(&0x207f_ffff_u32.to_le_bytes());
    (0..u32::MAX)
        .find_map(|nonce| {
            header[76..].copy_from_slice(&nonce.to_le_bytes());
            BlockHeader::parse(&header).is_ok().then_some(header)
        })
        .unwrap()
}

fn parse(bytes: &[u8]) -> Result<Receipt, OtsError> {
    Receipt::parse(bytes, &OtsLimits::default())
}

#[test]
fn the_first_block_hashes_below_its_target() {
    let header = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3\
                  edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d\
                  1dac2b7c";
    let header = BlockHeader::parse_hex(header).unwrap();
    let hash = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
    assert_eq!((header.hash().to_string().as_str(), header.time_s), (hash, 1_231_006_505));
}

#[test]
fn a_receipt_leads_to_the_block_that_it_names() {
    let (bytes, root) = receipt(b"checkpoint", 800_000);
    let receipt = parse(&bytes).unwrap();
    assert_eq!(
        receipt.attestations,
        [
            Attestation::Pending { calendar: "https://calendar.example".to_owned() },
            Attestation::Bitcoin { height: 800_000, root: Some(root) },
        ]
    );
    let block = BlockHeader::parse(&header(root)).unwrap();
    assert_eq!(receipt.verify(b"checkpoint", 800_000, &block), Ok(()));
    let other = receipt.verify(b"another checkpoint", 800_000, &block);
    assert_eq!(other, Err(OtsError::OtherDigest));
    let height = receipt.verify(b"checkpoint", 800_001, &block);
    assert_eq!(height, Err(OtsError::NoAttestation { height: 800_001 }));
    let block = BlockHeader::parse(&header([7; 32])).unwrap();
    let other = receipt.verify(b"checkpoint", 800_000, &block);
    assert_eq!(other, Err(OtsError::OtherBlock));
}

#[test]
fn a_header_that_was_changed_has_no_work_or_another_root() {
    let (_, root) = receipt(b"checkpoint", 1);
    let good = header(root);
    for index in 0..80 {
        let mut changed = good;
        changed[index] ^= 0x80;
        let same = BlockHeader::parse(&changed)
            .is_ok_and(|block| block.hash() == BlockHeader::parse(&good).unwrap().hash());
        assert!(!same, "{index}");
    }
    assert!(BlockHeader::parse_hex(&"0".repeat(159)).is_err());
    assert!(BlockHeader::parse_hex(&"g".repeat(160)).is_err());
}

#[test]
fn targets_are_those_of_the_compact_form() {
    let mut expected = [0; 32];
    expected[4..6].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(target(0x1d00_ffff), Some(expected));
    let mut expected = [0; 32];
    expected[31] = 0x12;
    assert_eq!(target(0x0112_3456), Some(expected));
    for bad in [0x0480_0001, 0x2012_3456 + 0x0400_0000, 0] {
        assert_eq!(target(bad), None, "{bad:x}");
    }
}

#[test]
fn what_lies_behind_a_weak_hash_proves_nothing() {
    for weak in NOT_FOLLOWED {
        let bytes = [head(b"x"), vec![weak, SHA256], bitcoin(9)].concat();
        let receipt = parse(&bytes).unwrap();
        assert_eq!(receipt.attestations, [Attestation::Bitcoin { height: 9, root: None }]);
        let block = BlockHeader::parse(&header([0; 32])).unwrap();
        assert_eq!(receipt.verify(b"x", 9, &block), Err(OtsError::NoAttestation { height: 9 }));
    }
}

#[test]
fn every_operation_does_what_its_name_says() {
    let bytes = [head(b"x"), vec![REVERSE, HEXLIFY], bitcoin(9)].concat();
    // 64 digits are no Merkle root.
    assert_eq!(
        parse(&bytes).unwrap().attestations,
        [Attestation::Bitcoin { height: 9, root: None }]
    );
    let bytes = [head(b"x"), vec![REVERSE, HEXLIFY, SHA256], bitcoin(9)].concat();
    let mut reversed = *Hash::of(b"x").as_bytes();
    reversed.reverse();
    let root = *Hash::of(Hash::new(reversed).to_string().as_bytes()).as_bytes();
    assert_eq!(
        parse(&bytes).unwrap().attestations,
        [Attestation::Bitcoin { height: 9, root: Some(root) }]
    );
    let other = [&head(b"x")[..], &[ATTESTATION], &[1; 8], &varbytes(b"?")].concat();
    assert_eq!(parse(&other).unwrap().attestations, [Attestation::Other]);
}

#[test]
fn no_cut_and_no_addition_is_read() {
    let (bytes, _) = receipt(b"checkpoint", 800_000);
    for cut in 0..bytes.len() {
        assert!(parse(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    assert!(parse(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn no_flipped_bit_leads_to_the_same_block() {
    let (bytes, root) = receipt(b"checkpoint", 800_000);
    let block = BlockHeader::parse(&header(root)).unwrap();
    let calendar = bytes.windows(8).position(|window| window == b"calendar").unwrap();
    for index in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[index] ^= 1 << bit;
            let read = parse(&changed);
            let holds =
                read.is_ok_and(|receipt| receipt.verify(b"checkpoint", 800_000, &block).is_ok());
            // The promise of the calendar, which proves nothing, is all that may differ.
            let promise = calendar.saturating_sub(30)..calendar + 16;
            assert!(!holds || promise.contains(&index), "byte {index} bit {bit}");
        }
    }
}

#[test]
fn every_bound_holds_on_both_sides() {
    let (bytes, _) = receipt(b"checkpoint", 800_000);
    let at = OtsLimits { bytes: bytes.len(), operations: 5, branches: 1, attestations: 2 };
    assert!(Receipt::parse(&bytes, &at).is_ok());
    for beyond in [
        OtsLimits { bytes: bytes.len() - 1, ..at },
        OtsLimits { operations: 4, ..at },
        OtsLimits { branches: 0, ..at },
        OtsLimits { attestations: 1, ..at },
    ] {
        let refused = Receipt::parse(&bytes, &beyond);
        assert!(matches!(refused, Err(OtsError::TooMuch(_))), "{beyond:?}");
    }
    // A message that doubles with every step, and a fork that never ends.
    let doubling = [head(b"x"), vec![HEXLIFY; 40], bitcoin(9)].concat();
    assert_eq!(parse(&doubling), Err(OtsError::NotAReceipt));
    let forks = [head(b"x"), [FORK, SHA256].repeat(2000)].concat();
    assert_eq!(parse(&forks), Err(OtsError::TooMuch("branches")));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
        let _ = parse(&[head(b"x"), bytes].concat());
    }

    #[test]
    fn no_operations_panic(
        tags in proptest::collection::vec(
            prop_oneof![
                Just(vec![SHA256]), Just(vec![FORK]), Just(vec![REVERSE]), Just(vec![HEXLIFY]),
                Just([&[APPEND][..], &varbytes(b"a")].concat()), Just(bitcoin(7)),
                Just(pending("c")), Just(vec![0x02]),
            ],
            0..40,
        )
    ) {
        let _ = parse(&[head(b"x"), tags.concat()].concat());
    }
}
