use std::cmp::Ordering;

use futures_util::stream::StreamExt as _;

use crate::{ObjectError, ObjectUrl, store};

/// An object that a list names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub url: ObjectUrl,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What is below a prefix, as deep as it goes, in the order in which a folder with the same names
/// is read: part by part. `wanted` chooses; no more than `most` are kept. What begins with a dot
/// below the prefix is hidden, as in a folder.
pub fn list(
    prefix: &ObjectUrl,
    most: usize,
    wanted: impl Fn(&ObjectUrl) -> bool,
) -> Result<Vec<Listed>, ObjectError> {
    let store = store::store(prefix.bucket())?;
    let mut found = store::wait(async {
        let mut found = Vec::new();
        let mut listed = store.list(Some(prefix.key()));
        while let Some(one) = listed.next().await {
            let one = one.map_err(|error| ObjectError::of(&error, prefix.bucket()))?;
            let hidden = one
                .location
                .prefix_match(prefix.key())
                .is_some_and(|mut parts| parts.any(|part| part.as_ref().starts_with('.')));
            let url = ObjectUrl::new(prefix.bucket().to_owned(), one.location);
            if !hidden && wanted(&url) {
                found.push(Listed { url, bytes: one.size });
            }
            if found.len() >= most {
                break;
            }
        }
        Ok(found)
    })?;
    found.sort_by(|left, right| by_parts(&left.url, &right.url));
    Ok(found)
}

fn by_parts(left: &ObjectUrl, right: &ObjectUrl) -> Ordering {
    left.key().as_ref().split('/').cmp(right.key().as_ref().split('/'))
}
