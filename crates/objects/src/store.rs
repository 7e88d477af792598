use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::SpawnedReqwestConnector;
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, ClientConfigKey, CopyOptions, Error, GetOptions, GetResult, GetResultPayload,
    ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result, RetryConfig,
};
use tokio::runtime::{Builder, Runtime};

use crate::{ObjectError, ObjectUrl, StoreFailure};

/// What is tried again, and how long: a server that restarts is waited for, one that is gone is
/// told of within half a minute.
const RETRIES: usize = 6;
const RETRY_TIME: Duration = Duration::from_mins(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The threads on which all requests run.
fn runtime() -> std::result::Result<&'static Runtime, ObjectError> {
    static RUNTIME: OnceLock<std::result::Result<Runtime, String>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        let built = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("adproof-objects")
            .enable_all()
            .build();
        built.map_err(|error| error.to_string())
    });
    made.as_ref().map_err(|reason| ObjectError::Broken { reason: reason.clone() })
}

/// Waits for the end of a request.
pub(crate) fn wait<T>(
    work: impl Future<Output = std::result::Result<T, ObjectError>>,
) -> std::result::Result<T, ObjectError> {
    runtime()?.block_on(work)
}

/// Lets work go on while nobody waits.
pub(crate) fn spawn(
    work: impl Future<Output = ()> + Send + 'static,
) -> std::result::Result<(), ObjectError> {
    drop(runtime()?.spawn(work));
    Ok(())
}

/// The store of a bucket, by the environment. It is made once.
pub(crate) fn store(bucket: &str) -> std::result::Result<Arc<dyn ObjectStore>, ObjectError> {
    static STORES: Mutex<BTreeMap<String, Arc<dyn ObjectStore>>> = Mutex::new(BTreeMap::new());
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(store) = stores.get(bucket) {
        return Ok(Arc::clone(store));
    }
    let builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    let set = |key| builder.get_config_value(&key);
    let endpoint = set(AmazonS3ConfigKey::S3Endpoint).or_else(|| set(AmazonS3ConfigKey::Endpoint));
    let plain = endpoint.is_some_and(|url| url.trim_start().starts_with("http://"));
    let allowed = set(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
    if plain && allowed.as_deref() != Some("true") {
        return Err(ObjectError::Plain);
    }
    let retry = RetryConfig {
        backoff: BackoffConfig { max_backoff: LONGEST_PAUSE, ..BackoffConfig::default() },
        max_retries: RETRIES,
        retry_timeout: RETRY_TIME,
    };
    let built = builder
        .with_retry(retry)
        // Whoever asks may be on another runtime, which ends before the next one asks.
        .with_http_connector(SpawnedReqwestConnector::new(runtime()?.handle().clone()))
        .build();
    let built = built.map_err(|error| match error {
        Error::Generic { source, .. } => {
            ObjectError::Settings { reason: source.to_string().chars().take(200).collect() }
        }
        error => ObjectError::of(&error, bucket),
    })?;
    let store: Arc<dyn ObjectStore> = Arc::new(built);
    stores.insert(bucket.to_owned(), Arc::clone(&store));
    Ok(store)
}

/// A bucket for a reader of its own kind: what was seen of an object first is what is read of it,
/// until its head is asked for again. Nothing can be written, nor listed: an object that is gone is
/// no empty folder. Its errors hold a [`StoreFailure`], and nothing else that a store says.
pub fn pinned(bucket: &str) -> std::result::Result<Arc<dyn ObjectStore>, ObjectError> {
    let bucket = bucket.to_owned();
    Ok(Arc::new(Pinned { inner: store(&bucket)?, bucket, seen: Mutex::default() }))
}

/// By what a version of an object is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version(ObjectMeta);

impl Version {
    pub(crate) const fn of(meta: ObjectMeta) -> Self {
        Self(meta)
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.0.size
    }

    /// The tag that the store gives it, or its time where it gives none.
    pub(crate) fn tag(&self) -> String {
        match &self.0.e_tag {
            Some(tag) => tag.clone(),
            None => format!("{} µs", self.0.last_modified.timestamp_micros()),
        }
    }

    pub(crate) fn is(&self, other: &ObjectMeta) -> bool {
        match (&self.0.e_tag, &other.e_tag) {
            (Some(here), Some(there)) => here == there,
            _ => (self.0.size, self.0.last_modified) == (other.size, other.last_modified),
        }
    }
}

/// Asks for bytes of this version, and takes no others. Not every store looks at the condition.
pub(crate) async fn fetch(
    store: &dyn ObjectStore,
    key: &Key,
    version: Option<&Version>,
    mut options: GetOptions,
) -> Result<GetResult> {
    if let Some(Version(meta)) = version {
        // A weak tag meets no condition, by definition.
        let strong = meta.e_tag.clone().filter(|tag| !tag.starts_with("W/"));
        options.if_match = options.if_match.or(strong);
    }
    let result = store.get_opts(key, options).await?;
    if version.is_some_and(|version| !version.is(&result.meta)) {
        let source = "another version was sent".into();
        return Err(Error::Precondition { path: key.to_string(), source });
    }
    Ok(result)
}

#[derive(Debug)]
struct Pinned {
    inner: Arc<dyn ObjectStore>,
    bucket: String,
    seen: Mutex<BTreeMap<Key, Version>>,
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, read only", self.inner)
    }
}

impl Pinned {
    fn seen(&self) -> std::sync::MutexGuard<'_, BTreeMap<Key, Version>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(bucket: &str, key: &Key, error: &Error) -> Error {
    let url = ObjectUrl::new(bucket.to_owned(), key.clone());
    let failure = StoreFailure { url, error: ObjectError::of(error, bucket) };
    Error::Generic { store: "S3", source: Box::new(failure) }
}

fn read_only<T>(operation: &str) -> Result<T> {
    Err(Error::NotImplemented {
        operation: operation.to_owned(),
        implementer: "a bucket that is read only".to_owned(),
    })
}

#[async_trait]
impl ObjectStore for Pinned {
    async fn get_opts(&self, location: &Key, options: GetOptions) -> Result<GetResult> {
        let head = options.head;
        let version = if head { None } else { self.seen().get(location).cloned() };
        let mut result = fetch(&*self.inner, location, version.as_ref(), options)
            .await
            .map_err(|error| failed(&self.bucket, location, &error))?;
        if head || version.is_none() {
            self.seen().insert(location.clone(), Version::of(result.meta.clone()));
        }
        if let GetResultPayload::Stream(bytes) = result.payload {
            let (bucket, key) = (self.bucket.clone(), location.clone());
            let bytes = bytes.map_err(move |error| failed(&bucket, &key, &error));
            result.payload = GetResultPayload::Stream(bytes.boxed());
        }
        Ok(result)
    }

    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
        let gone = Error::NotFound { path: String::new(), source: "it is gone".into() };
        let error = failed(&self.bucket, prefix.unwrap_or(&Key::default()), &gone);
        stream::once(async { Err(error) }).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Key>) -> Result<ListResult> {
        read_only("list")
    }

    async fn put_opts(&self, _: &Key, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        read_only("put")
    }

    async fn put_multipart_opts(
        &self,
        _: &Key,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        read_only("put")
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Key>>) -> BoxStream<'static, Result<Key>> {
        stream::once(async { read_only("delete") }).boxed()
    }

    async fn copy_opts(&self, _: &Key, _: &Key, _: CopyOptions) -> Result<()> {
        read_only("copy")
    }
}

/// Ranges of `step` bytes, the last one shorter.
pub(crate) fn steps(range: Range<u64>, step: u64) -> impl Iterator<Item = Range<u64>> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        let from = at;
        at = from.saturating_add(step).min(range.end);
        (from < range.end).then_some(from..at)
    })
}
