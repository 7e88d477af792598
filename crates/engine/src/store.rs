//! Where plans find files: on this machine, and in buckets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use object_store::ObjectStore;
use url::Url;

/// Local files, and buckets of S3 by the environment of this process, so that every process that
/// runs a part of a plan opens them by itself and no credentials travel.
#[derive(Debug, Default)]
pub(crate) struct Stores {
    files: DefaultObjectStoreRegistry,
    buckets: Mutex<BTreeMap<String, Arc<dyn ObjectStore>>>,
}

impl ObjectStoreRegistry for Stores {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        self.files.register_store(url, store)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        let Some(bucket) = url.host_str().filter(|_| url.scheme() == "s3") else {
            return self.files.get_store(url);
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = buckets.get(bucket) {
            return Ok(Arc::clone(store));
        }
        let store = adproof_objects::pinned(bucket)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        buckets.insert(bucket.to_owned(), Arc::clone(&store));
        Ok(store)
    }
}
