//! A real S3 server over a folder, in the process of the test, on loopback.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

pub(super) const BUCKET: &str = "adproof-logs";
pub(super) const KEY: &str = "AKIATESTTESTTEST";
pub(super) const SECRET: &str = "a-secret-that-nobody-may-print";

type Disturb = Box<dyn Fn(&Path) + Send + Sync>;

/// What happens at a request for bytes.
#[derive(Default)]
struct Script {
    seen: AtomicUsize,
    disturb: Mutex<Option<(usize, Disturb)>>,
    dies_at: AtomicUsize,
}

pub(super) struct Server {
    // Dropped first: with it all connections end.
    _runtime: Runtime,
    folder: tempfile::TempDir,
    endpoint: String,
    script: Arc<Script>,
}

impl Server {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bucket = folder.path().join(BUCKET);
        for name in ["feeds", "logs"] {
            fs::create_dir_all(bucket.join(name)).unwrap();
        }
        let files = s3s_fs::FileSystem::new(folder.path()).unwrap();
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let script = Arc::<Script>::default();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(serve(listener, service, Arc::clone(&script), bucket));
        Self { _runtime: runtime, folder, endpoint, script }
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A file within the bucket, as the disk has it.
    pub(super) fn at(&self, key: &str) -> String {
        let path = self.folder.path().join(BUCKET).join(key);
        path.to_str().unwrap().to_owned()
    }

    /// Does something with the bucket's folder right before the n-th request for bytes is answered.
    pub(super) fn disturb(&self, at: usize, disturb: impl Fn(&Path) + Send + Sync + 'static) {
        *self.script.disturb.lock().unwrap() = Some((at, Box::new(disturb)));
    }

    /// Answers no request from the n-th one for bytes on, and drops all connections.
    pub(super) fn dies_at(&self, at: usize) {
        self.script.dies_at.store(at, Ordering::SeqCst);
    }

    /// The binary, with this server as its S3.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        command(&self.endpoint, args)
    }
}

/// The binary, with an S3 at this endpoint.
pub(super) fn command(endpoint: &str, args: &[&str]) -> Command {
    let mut command = crate::run::command(args);
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET);
    command
}

async fn serve(listener: TcpListener, service: S3Service, script: Arc<Script>, bucket: PathBuf) {
    let mut connections = JoinSet::new();
    let (end, mut ended) = tokio::sync::mpsc::channel::<()>(1);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted.unwrap().0,
            // The listener goes with this task, and so do the connections.
            _ = ended.recv() => return,
        };
        let (service, script) = (service.clone(), Arc::clone(&script));
        let (bucket, end) = (bucket.clone(), end.clone());
        let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let is_read = request.method() == hyper::Method::GET
                && request.headers().contains_key(hyper::header::RANGE);
            let number = script.seen.fetch_add(usize::from(is_read), Ordering::SeqCst) + 1;
            let mut dies = false;
            if is_read {
                if let Some((at, disturb)) = &*script.disturb.lock().unwrap()
                    && number == *at
                {
                    disturb(&bucket);
                }
                let dies_at = script.dies_at.load(Ordering::SeqCst);
                dies = dies_at > 0 && number >= dies_at;
            }
            // To the store a folder is nothing; to the server it is a file that cannot be opened.
            let path = request.uri().path().trim_start_matches('/');
            let is_folder = request.method() == hyper::Method::HEAD
                && bucket.parent().unwrap().join(path).is_dir();
            let (answer, end) = (Service::call(&service, request), end.clone());
            async move {
                if dies {
                    let _ = end.send(()).await;
                    std::future::pending::<()>().await;
                }
                if is_folder {
                    let mut none = hyper::Response::new(s3s::Body::empty());
                    *none.status_mut() = hyper::StatusCode::NOT_FOUND;
                    return Ok(none);
                }
                Ok::<_, Infallible>(answer.await.unwrap())
            }
        });
        connections.spawn(async move {
            // Whoever asked may go at any time.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}
