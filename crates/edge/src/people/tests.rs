use adproof_ledger::{EvidenceKey, Opening, Value};

use super::*;

const DAY: &str = "2026-06-01";

fn hash(text: &str) -> Hash {
    Hash::of(text.as_bytes())
}

fn root(key: Option<&DayKey>) -> Option<Hash> {
    let evidence = EvidenceKey::new([1; 32]);
    let record = evidence.record_key(key?, &hash("s"));
    Some(record.commit("network", &[("ip", Value::from("3fff::1"))]).unwrap().root)
}

fn found(people: &mut People, person: &str) -> Option<Hash> {
    match people.find(DAY, &hash(person)).unwrap() {
        Found::Key(key) => root(Some(&key)),
        _ => None,
    }
}

#[test]
fn a_key_is_drawn_once_and_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("people");
    let mut people = People::open(&folder, Limits::default()).unwrap();
    let one = people.key(DAY, &hash("p"), &hash("s")).unwrap();
    let again = people.key(DAY, &hash("p"), &hash("t")).unwrap();
    let other = people.key(DAY, &hash("q"), &hash("u")).unwrap();
    assert_eq!(root(one.as_ref()), root(again.as_ref()));
    assert_ne!(root(one.as_ref()), root(other.as_ref()));
    people.sync().unwrap();
    drop(people);
    let mut people = People::read(&folder, Limits::default()).unwrap();
    assert_eq!(found(&mut people, "p"), root(one.as_ref()));
    assert_eq!(people.records(DAY, &hash("p")).unwrap(), 2);
    assert_eq!(people.of_record(&hash("u")).unwrap(), Some((DAY.to_owned(), hash("q"))));
    assert_eq!(people.of_record(&hash("x")).unwrap(), None);
    assert!(matches!(people.key(DAY, &hash("p"), &hash("s")), Err(PeopleError::ReadOnly)));
}

#[test]
fn an_erased_key_is_in_no_file_and_is_not_drawn_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut people = People::open(dir.path(), Limits::default()).unwrap();
    people.key(DAY, &hash("p"), &hash("s")).unwrap().unwrap();
    people.key(DAY, &hash("q"), &hash("t")).unwrap().unwrap();
    people.sync().unwrap();
    let path = dir.path().join(format!("{DAY}.keys"));
    let before = fs::read(&path).unwrap();
    assert!(people.erase(DAY, &hash("p")).unwrap());
    assert!(!people.erase(DAY, &hash("p")).unwrap());
    assert!(!people.erase(DAY, &hash("x")).unwrap());
    let after = fs::read(&path).unwrap();
    // Where p's key was, zeros are; nothing else changed.
    let at = before.chunks(SLOT).position(|slot| slot[..HALF] == *hash("p").as_bytes()).unwrap();
    let (from, to) = (at * SLOT + HALF, (at + 1) * SLOT);
    assert_eq!(after[from..to], [0; HALF]);
    assert_eq!((&after[..from], &after[to..]), (&before[..from], &before[to..]));
    drop(people);
    let mut people = People::open(dir.path(), Limits::default()).unwrap();
    assert!(people.key(DAY, &hash("p"), &hash("later")).unwrap().is_none());
    assert!(matches!(people.find(DAY, &hash("p")).unwrap(), Found::Erased));
    assert!(people.key(DAY, &hash("q"), &hash("t")).unwrap().is_some());
    assert!(people.key("2026-06-02", &hash("p"), &hash("v")).unwrap().is_some());
}

#[test]
fn a_torn_slot_is_cut_off_and_one_of_zeros_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut people = People::open(dir.path(), Limits::default()).unwrap();
    people.key(DAY, &hash("p"), &hash("s")).unwrap();
    people.sync().unwrap();
    let whole = found(&mut people, "p");
    drop(people);
    let path = dir.path().join(format!("{DAY}.keys"));
    let good = fs::read(&path).unwrap();
    for torn in 1..SLOT {
        fs::write(&path, [good.as_slice(), &vec![7; torn]].concat()).unwrap();
        let mut people = People::open(dir.path(), Limits::default()).unwrap();
        assert_eq!(found(&mut people, "p"), whole);
        people.key(DAY, &hash("q"), &hash("t")).unwrap();
        people.sync().unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), 2 * SLOT, "{torn}");
    }
    fs::write(&path, [good.as_slice(), &[0; SLOT]].concat()).unwrap();
    let mut people = People::open(dir.path(), Limits::default()).unwrap();
    assert_eq!(people.persons(DAY).unwrap(), [hash("p")]);
    // The slots behind keep their places.
    people.key(DAY, &hash("r"), &hash("t")).unwrap();
    people.sync().unwrap();
    assert!(people.erase(DAY, &hash("r")).unwrap());
    assert_eq!(found(&mut people, "p"), whole);
}

#[cfg(unix)]
#[test]
fn files_are_their_owners_alone_and_one_process_writes() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("people");
    let mut people = People::open(&folder, Limits::default()).unwrap();
    people.key(DAY, &hash("p"), &hash("s")).unwrap();
    people.sync().unwrap();
    assert!(matches!(People::open(&folder, Limits::default()), Err(PeopleError::Held(_))));
    for entry in fs::read_dir(&folder).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    drop(people);
    let path = folder.join(format!("{DAY}.keys"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let mut people = People::read(&folder, Limits::default()).unwrap();
    let found = people.find(DAY, &hash("p"));
    assert!(matches!(found, Err(PeopleError::TooOpen { mode: 0o640, .. })), "{found:?}");
}

#[test]
fn bounds_and_days_hold() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x"), b"").unwrap();
    let mut people = People::open(dir.path(), Limits { day_bytes: 64 }).unwrap();
    people.key(DAY, &hash("p"), &hash("s")).unwrap();
    people.sync().unwrap();
    assert_eq!(people.days().unwrap(), [DAY]);
    let mut at = People::read(dir.path(), Limits { day_bytes: 64 }).unwrap();
    assert!(at.find(DAY, &hash("p")).is_ok());
    let mut beyond = People::read(dir.path(), Limits { day_bytes: 63 }).unwrap();
    assert!(matches!(beyond.find(DAY, &hash("p")), Err(PeopleError::TooLong { .. })));
    assert!(matches!(at.find("../x", &hash("p")), Err(PeopleError::NotADay(_))));
    let none = People::read(&dir.path().join("none"), Limits::default());
    assert!(matches!(none, Err(PeopleError::NoFolder(_))));
}

#[test]
fn what_is_sealed_opens_with_its_key_alone() {
    let evidence = EvidenceKey::new([1; 32]);
    let key = |day: u8| evidence.record_key(&DayKey::new([day; 32]), &hash("s"));
    let leg = key(2).commit("network", &[("ip", Value::from("3fff::1"))]).unwrap();
    let opening = Opening::new(hash("s"), &[leg]);
    let sealed = Sealed::new(&key(2), DAY, &hash("p"), &opening).unwrap();
    assert_eq!(sealed, Sealed::new(&key(2), DAY, &hash("p"), &opening).unwrap());
    let line = sealed.to_line();
    assert!(!line.contains("3fff"), "{line}");
    let read = Sealed::parse(&line).unwrap();
    assert_eq!((read.day(), read.person()), (DAY, Some(hash("p"))));
    assert_eq!(read.open(&key(2)).as_ref(), Ok(&opening));
    assert_eq!(read.open(&key(3)), Err(SealError::WrongKey));
    // The line of one record is not taken for another's.
    let moved = line.replace(&hash("s").to_string(), &hash("t").to_string());
    assert_eq!(Sealed::parse(&moved).unwrap().open(&key(2)), Err(SealError::WrongKey));
    for broken in ["", "{}", &line[1..], &line.replace(DAY, "someday")] {
        assert_eq!(Sealed::parse(broken), Err(SealError::NotSealed));
    }
}
