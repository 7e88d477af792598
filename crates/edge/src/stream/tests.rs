//! Sources as whoever works on them sees them.

use std::io::Write as _;

use super::*;

fn quick() -> Limits {
    Limits {
        poll: Duration::from_millis(5),
        idle: Some(Duration::from_millis(300)),
        ..Limits::default()
    }
}

fn open(origin: &Origin, places: &Places, limits: Limits) -> Stream {
    Stream::open(origin, places, Stop::default(), limits).unwrap()
}

/// Everything until the end, with notices in brackets, and the places behind it.
fn told(mut stream: Stream, mut meanwhile: impl FnMut(&str)) -> (String, Places) {
    let (mut text, mut places) = (String::new(), Places::default());
    loop {
        match stream.wait(Duration::from_secs(5)) {
            Some(Arrival::Lines(lines)) => {
                for taken in lines {
                    text.push_str(std::str::from_utf8(&taken.lines).unwrap());
                    places.take(&taken.place);
                    stream.done(taken.lines.len());
                }
            }
            Some(Arrival::Rotated) => text.push_str("[rotated]"),
            Some(Arrival::Truncated) => text.push_str("[truncated]"),
            Some(Arrival::Away(_)) | None => text.push_str("[away]"),
            Some(Arrival::End(end)) => return (format!("{text}[{end:?}]"), places),
        }
        meanwhile(&text);
    }
}

#[test]
fn a_file_is_read_to_its_end_and_again_from_where_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, "0\n1234\n567\n89").unwrap();
    let limits = Limits { chunk_bytes: 3, ..quick() };
    let file = || Origin::File(path.clone());
    let (text, places) = told(open(&file(), &Places::default(), limits), |_| ());
    assert_eq!(text, "0\n1234\n567\n89[Eof]");
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"\nx\n").unwrap();
    assert_eq!(told(open(&file(), &places, limits), |_| ()).0, "\nx\n[Eof]");
    // Another file under the same name is read from its start.
    std::fs::rename(&path, folder.path().join("old")).unwrap();
    std::fs::write(&path, "new\n").unwrap();
    assert_eq!(told(open(&file(), &places, limits), |_| ()).0, "new\n[Eof]");
}

#[test]
fn a_followed_file_grows_and_is_replaced_and_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, "one\n").unwrap();
    let stream = open(&Origin::Follow(path.clone()), &Places::default(), quick());
    let (text, _) = told(stream, |text| {
        let append = |more: &str| {
            let file = std::fs::OpenOptions::new().append(true).open(&path);
            file.unwrap().write_all(more.as_bytes()).unwrap();
        };
        match text {
            "one\n" => append("two\n"),
            "one\ntwo\n" => {
                std::fs::rename(&path, folder.path().join("log.1")).unwrap();
                std::fs::write(&path, "three\n").unwrap();
            }
            "one\ntwo\n[rotated]three\n" => std::fs::write(&path, "4\n").unwrap(),
            _ => {}
        }
    });
    assert_eq!(text, "one\ntwo\n[rotated]three\n[truncated]4\n[Idle]");
}

#[test]
fn what_is_left_of_a_file_that_was_replaced_meanwhile_is_read_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, "one\n").unwrap();
    let file = Origin::File(path.clone());
    let (_, places) = told(open(&file, &Places::default(), quick()), |_| ());
    let mut old = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    old.write_all(b"two\n").unwrap();
    std::fs::rename(&path, folder.path().join("log.1")).unwrap();
    std::fs::write(&path, "three\n").unwrap();
    let stream = open(&Origin::Follow(path), &places, quick());
    assert_eq!(told(stream, |_| ()).0, "two\n[rotated]three\n[Idle]");
}

#[test]
fn whoever_stops_it_is_heard_while_nothing_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, "one\n").unwrap();
    let stop = Stop::default();
    let limits = Limits { idle: None, ..quick() };
    let origin = Origin::Follow(path);
    let stream = Stream::open(&origin, &Places::default(), stop.clone(), limits).unwrap();
    assert_eq!(told(stream, |_| stop.set()).0, "one\n[Stopped]");
}

#[test]
fn a_source_that_stops_before_anybody_looks_up_has_not_come_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, "one\n").unwrap();
    let stop = Stop::default();
    let limits = Limits { poll: Duration::from_millis(1), idle: None, ..quick() };
    let origin = Origin::Follow(path);
    let stream = Stream::open(&origin, &Places::default(), stop.clone(), limits).unwrap();
    thread::scope(|scope| {
        // The reader waits for what comes next, and looks up every 50 ms.
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(70));
            stop.set();
        });
        assert_eq!(told(stream, |_| ()).0, "one\n[Stopped]");
    });
}

#[test]
fn a_slow_reader_holds_the_source_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, "x\n".repeat(10_000)).unwrap();
    let limits = Limits { chunk_bytes: 10, held_bytes: 1_000, batch_bytes: 1, ..quick() };
    let mut stream = open(&Origin::File(path), &Places::default(), limits);
    let closed = |stream: &Stream| {
        let begin = Instant::now();
        while stream.gate().is_open() && begin.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(1));
        }
    };
    closed(&stream);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(stream.gate().held(), (810, 1), "ten bytes above the high mark, and no more");
    let mut given = 0;
    while let Some(Arrival::Lines(lines)) = stream.wait(Duration::from_secs(5)) {
        for taken in lines {
            given += taken.lines.len();
            stream.done(taken.lines.len());
        }
        assert!(stream.gate().held().0 <= 810);
        // Slower than any source, as long as there is enough to close the gate.
        if given < 19_000 {
            closed(&stream);
        }
    }
    assert_eq!(given, 20_000);
    assert!(stream.gate().held().1 > 10, "it closed and opened again");
}

#[test]
fn a_missing_file_and_a_folder_are_errors_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("none"), folder.path().to_owned()] {
        let origin = Origin::File(path);
        let opened = Stream::open(&origin, &Places::default(), Stop::default(), quick());
        assert!(opened.is_err());
    }
}

fn post(address: SocketAddr, head: &str, body: &str) -> String {
    use std::io::Read as _;
    let mut client = std::net::TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let length = body.len();
    let request = format!("{head} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n");
    client.write_all(format!("{request}connection: close\r\n\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn http_answers_when_what_was_sent_is_durable_and_not_before() {
    let origin = Origin::Http("127.0.0.1:0".parse().unwrap());
    let limits = Limits { body_bytes: 100, held_bytes: 10, idle: None, ..quick() };
    let mut stream = open(&origin, &Places::default(), limits);
    let address = stream.address().unwrap();
    assert!(post(address, "GET /v1/events", "").starts_with("HTTP/1.1 405"));
    assert!(post(address, "POST /", "x").starts_with("HTTP/1.1 404"));
    assert!(post(address, "POST /v1/events", "").starts_with("HTTP/1.1 400"));
    assert!(post(address, "POST /v1/events", &"x".repeat(101)).starts_with("HTTP/1.1 413"));

    let client = thread::spawn(move || post(address, "POST /v1/events", "one\ntwo and more"));
    let Some(Arrival::Lines(mut lines)) = stream.wait(Duration::from_secs(5)) else {
        panic!("lines arrive");
    };
    thread::sleep(Duration::from_millis(20));
    assert!(!client.is_finished(), "nothing is durable yet");
    let full = post(address, "POST /v1/events", "three");
    assert!(full.starts_with("HTTP/1.1 503") && full.contains("retry-after: 1"), "{full}");
    let taken = lines.pop().unwrap();
    assert_eq!(taken.lines, b"one\ntwo and more");
    stream.done(taken.lines.len());
    taken.receipt.acknowledge(1);
    let answer = client.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"refused\":1"), "{answer}");

    let client = thread::spawn(move || post(address, "POST /v1/events", "four"));
    drop(stream.wait(Duration::from_secs(5)));
    assert!(client.join().unwrap().starts_with("HTTP/1.1 503"), "dropped without a word");
}
