//! A key that another program holds: an HSM, a cloud's key service, a smart card.
//!
//! The program is started once, with its words as they stand and no shell, and then asked line by
//! line on its standard input. It answers each line with one line on its standard output; what it
//! writes to standard error is passed on.
//!
//! ```text
//! → public                          what is the key?
//! ← ok MCowBQYDK2VwAyEA…            its SubjectPublicKeyInfo (DER) in base64
//! → sign KID MESSAGE                KID: 64 hex digits; MESSAGE: base64 of the bytes to sign
//! ← ok SIGNATURE                    the Ed25519 signature (RFC 8032) in base64
//! ← error TEXT                      instead, to either line: why not
//! ```
//!
//! The message is signed as it is: for records it is the DSSE pre-authentication encoding, for
//! checkpoints the text of the note. Every signature is verified before it is used. The program
//! should end when its standard input does. `ADPROOF_PASSPHRASE` is not in its environment.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use adproof_ledger::{PublicKey, SignError, Signer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The environment variable that holds the passphrase of key files.
pub const PASSPHRASE_VARIABLE: &str = "ADPROOF_PASSPHRASE";

/// Bounds of a conversation with an external signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignerLimits {
    /// How long an answer may take.
    pub answer: Duration,
    /// How long the program has to end when it is told to.
    pub end: Duration,
    /// The longest answer in bytes.
    pub line_bytes: u64,
}

impl Default for SignerLimits {
    fn default() -> Self {
        Self { answer: Duration::from_secs(30), end: Duration::from_secs(2), line_bytes: 16 << 10 }
    }
}

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerCommand {
    text: String,
    program: String,
    args: Vec<String>,
}

impl fmt::Display for SignerCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why text is not a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotACommand {
    /// There is no word in it.
    #[error("there is no command")]
    Empty,
    /// A quotation mark has no second one.
    #[error("a quotation mark is not closed")]
    Unclosed,
}

impl FromStr for SignerCommand {
    type Err = NotACommand;

    /// Splits words at blanks, as a shell does; `'…'` and `"…"` hold words together. Nothing is
    /// expanded, and a backslash is a character like any other.
    fn from_str(text: &str) -> Result<Self, NotACommand> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut quote = None;
        for c in text.chars() {
            match quote {
                Some(open) if c == open => quote = None,
                None if c == '\'' || c == '"' => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                None if c.is_whitespace() => words.extend(word.take()),
                Some(_) | None => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        if quote.is_some() {
            return Err(NotACommand::Unclosed);
        }
        let mut words = words.into_iter();
        let program = words.next().ok_or(NotACommand::Empty)?;
        Ok(Self { text: text.trim().to_owned(), program, args: words.collect() })
    }
}

/// An external program that holds a key.
pub struct ExternalSigner {
    command: SignerCommand,
    limits: SignerLimits,
    public: PublicKey,
    running: Mutex<Option<Running>>,
}

/// The started program. Two threads of its own write to it and read from it, so that a program
/// that does neither costs the time limit and nothing more.
struct Running {
    child: Child,
    questions: Option<Sender<String>>,
    lines: Receiver<io::Result<Vec<u8>>>,
    limits: SignerLimits,
    faulty: bool,
}

impl ExternalSigner {
    /// Starts the program and asks for its public key.
    pub fn start(command: SignerCommand, limits: SignerLimits) -> Result<Self, SignError> {
        let mut running = Running::start(&command, limits)?;
        let answer = running.ask("public")?;
        let der = BASE64.decode(&answer).map_err(|_| odd(&answer))?;
        let public = public_key(&der).ok_or_else(|| {
            let why = "its answer to `public` is not the Ed25519 key of RFC 8410 in DER and base64";
            SignError::Unavailable(why.to_owned())
        })?;
        Ok(Self { command, limits, public, running: Mutex::new(Some(running)) })
    }
}

impl ExternalSigner {
    /// The signature in an answer, if it is one.
    fn judge(&self, message: &[u8], answer: &str) -> Result<[u8; 64], SignError> {
        let signature = BASE64.decode(answer).ok();
        let signature: Option<[u8; 64]> = signature.and_then(|bytes| bytes.try_into().ok());
        let signature = signature.ok_or_else(|| odd(answer))?;
        self.public.verify(message, &signature).map_err(|_| {
            SignError::Unavailable("it gave a signature that does not verify".to_owned())
        })?;
        Ok(signature)
    }
}

impl Signer for ExternalSigner {
    fn public_key(&self) -> PublicKey {
        self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // After a fault the program is started anew, once a message.
        let mut one = match running.take() {
            Some(one) => one,
            None => Running::start(&self.command, self.limits)?,
        };
        let line = format!("sign {} {}", self.public.id(), BASE64.encode(message));
        let answer = one.ask(&line)?;
        let judged = self.judge(message, &answer);
        one.faulty = judged.is_err();
        if judged.is_ok() {
            *running = Some(one);
        }
        judged
    }
}

impl fmt::Debug for ExternalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExternalSigner({}, {})", self.command.program, self.public.id())
    }
}

fn public_key(der: &[u8]) -> Option<PublicKey> {
    let key = PublicKey::from_bytes(der.last_chunk()?).ok()?;
    (key.to_spki_der() == der).then_some(key)
}

fn odd(answer: &str) -> SignError {
    SignError::Unavailable(odd_text(answer))
}

fn odd_text(answer: &str) -> String {
    let shown: String = answer.chars().filter(|c| !c.is_control()).take(60).collect();
    format!("its answer is none: `{shown}`")
}

impl Running {
    fn start(command: &SignerCommand, limits: SignerLimits) -> Result<Self, SignError> {
        let unavailable = |error: io::Error| {
            SignError::Unavailable(format!("`{}` cannot be started: {error}", command.program))
        };
        let mut child = Command::new(&command.program)
            .args(&command.args)
            .env_remove(PASSPHRASE_VARIABLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(unavailable)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            let _ = child.kill();
            return Err(unavailable(io::ErrorKind::BrokenPipe.into()));
        };
        let (sender, lines) = sync_channel(1);
        let (questions, asked) = channel();
        let running = Self { child, questions: Some(questions), lines, limits, faulty: false };
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        thread("signer-in")
            .spawn(move || write_lines(stdin, &asked))
            .and_then(|_| {
                let read = move || read_lines(stdout, &sender, limits.line_bytes);
                thread("signer-out").spawn(read)
            })
            .map_err(unavailable)?;
        Ok(running)
    }

    /// One question and its answer, without the `ok`.
    fn ask(&mut self, question: &str) -> Result<String, SignError> {
        let answer = self.answer(question).map_err(SignError::Unavailable);
        self.faulty |= answer.is_err();
        answer
    }

    fn answer(&mut self, question: &str) -> Result<String, String> {
        let line = format!("{question}\n");
        if self.questions.as_ref().is_none_or(|questions| questions.send(line).is_err()) {
            return Err(format!("it does not read{}", self.fate()));
        }
        let line = match self.lines.recv_timeout(self.limits.answer) {
            Ok(line) => line.map_err(|error| format!("it cannot be read: {error}"))?,
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("it gave no answer in {:?}", self.limits.answer));
            }
            Err(RecvTimeoutError::Disconnected) => Vec::new(),
        };
        let text = String::from_utf8_lossy(&line);
        let Some(text) = text.strip_suffix('\n') else {
            let why = match line.len() {
                0 => "it ended without an answer",
                _ => "its answer is cut off or too long",
            };
            return Err(format!("{why}{}", self.fate()));
        };
        let text = text.strip_suffix('\r').unwrap_or(text);
        match text.split_once(' ') {
            Some(("ok", answer)) => Ok(answer.trim().to_owned()),
            Some(("error", why)) => {
                let why: String = why.chars().filter(|c| !c.is_control()).take(200).collect();
                Err(format!("it refuses: {why}"))
            }
            _ => Err(odd_text(text)),
        }
    }

    /// How the program ended, where it has.
    fn fate(&mut self) -> String {
        self.waits(Duration::from_millis(200));
        match self.child.try_wait() {
            Ok(Some(status)) => format!(" ({status})"),
            _ => String::new(),
        }
    }

    /// Whether the program ends within this time.
    fn waits(&mut self, most: Duration) -> bool {
        let step = Duration::from_millis(10);
        let mut waited = Duration::ZERO;
        loop {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            if waited >= most {
                return false;
            }
            std::thread::sleep(step);
            waited += step;
        }
    }
}

impl Drop for Running {
    /// Ends the program: by the end of its input, or by force.
    fn drop(&mut self) {
        self.questions = None;
        let patience = if self.faulty { Duration::ZERO } else { self.limits.end };
        if !self.waits(patience) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn write_lines(mut stdin: ChildStdin, asked: &Receiver<String>) {
    while let Ok(line) = asked.recv() {
        if stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

fn read_lines(stdout: ChildStdout, lines: &SyncSender<io::Result<Vec<u8>>>, bound: u64) {
    let mut stdout = BufReader::new(stdout);
    loop {
        let mut line = Vec::new();
        let read = stdout.by_ref().take(bound).read_until(b'\n', &mut line);
        let last = read.is_err() || !line.ends_with(b"\n");
        if lines.send(read.map(|_| line)).is_err() || last {
            return;
        }
    }
}
