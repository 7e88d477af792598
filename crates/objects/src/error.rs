use std::error::Error;
use std::io;

use object_store::client::HttpError;

use crate::{NameError, ObjectUrl};

/// Why an object or a list could not be had. No text of it holds what a store or the environment
/// says of keys and secrets; who says it also says which object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// The name is none of an object.
    #[error("it is no name of an object, s3://bucket/key: {0}")]
    Name(#[from] NameError),
    /// The environment's settings make no client. Likely an endpoint that is no URL.
    #[error("the settings for S3 in the environment cannot be used: {reason}")]
    Settings {
        /// Which one, and why.
        reason: String,
    },
    /// The endpoint is not encrypted, and nobody allowed that.
    #[error("the endpoint in the environment is http://, which is not encrypted")]
    Plain,
    /// Nothing says who reads.
    #[error("no credentials for S3 were found in the environment, and this machine has none")]
    NoCredentials,
    /// There is no such bucket at the endpoint.
    #[error("there is no bucket `{bucket}`")]
    NoBucket {
        /// The bucket.
        bucket: String,
    },
    /// The bucket has no such object.
    #[error("there is no such object")]
    Missing,
    /// The store knows who asks and refuses, or does not believe who asks.
    #[error("the store denies access ({code})")]
    Denied {
        /// The store's word for it, such as `AccessDenied` or `InvalidAccessKeyId`.
        code: String,
    },
    /// The bucket is in another region than the environment says.
    #[error("the bucket is in another region than the environment says")]
    Region,
    /// The object is not the one any more whose reading began.
    #[error("it was changed while it was read")]
    Changed,
    /// The store does not answer, or stops in the middle. It was tried several times.
    #[error("the store does not answer: {reason}")]
    Unreachable {
        /// What the system says.
        reason: String,
    },
    /// The store answers with an error of its own.
    #[error("the store answers {code}")]
    Refused {
        /// Its code.
        code: String,
    },
    /// Anything else that went wrong on the way.
    #[error("it cannot be read: {reason}")]
    Broken {
        /// What is known.
        reason: String,
    },
}

impl ObjectError {
    /// What a person does about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Name(_) => "name it s3://bucket/key; credentials come from the environment",
            Self::Settings { .. } => {
                "look at AWS_ENDPOINT_URL, AWS_REGION and the other AWS_* settings"
            }
            Self::Plain => {
                "name an https:// endpoint, or set AWS_ALLOW_HTTP=true within your own network"
            }
            Self::NoCredentials => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket"
            }
            Self::NoBucket { .. } => "check the bucket's name, AWS_ENDPOINT_URL and AWS_REGION",
            Self::Missing => "check the key; a prefix that ends in / reads what is below it",
            Self::Denied { .. } => {
                "check the AWS_* credentials, and that they may read the object and list the bucket"
            }
            Self::Region => "set AWS_REGION to the region of the bucket",
            Self::Changed => "run it again when nothing writes to it",
            Self::Unreachable { .. } => {
                "check the network, AWS_ENDPOINT_URL and the store, then run it again"
            }
            Self::Refused { .. } | Self::Broken { .. } => {
                "look the answer up in the store's own log, then run it again"
            }
        }
    }

    /// An error of the store, without what it holds of requests and credentials.
    pub(crate) fn of(error: &object_store::Error, bucket: &str) -> Self {
        use object_store::Error as Store;

        let text = error.to_string();
        let code = code(&text);
        let no_bucket = || Self::NoBucket { bucket: bucket.to_owned() };
        match (error, code) {
            (Store::Precondition { .. }, _) => return Self::Changed,
            (_, Some("NoSuchBucket")) => return no_bucket(),
            (Store::NotFound { .. }, _) => return Self::Missing,
            (
                _,
                Some("PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed"),
            ) => {
                return Self::Region;
            }
            (Store::PermissionDenied { .. } | Store::Unauthenticated { .. }, _)
            | (
                _,
                Some(
                    "AccessDenied"
                    | "AllAccessDisabled"
                    | "InvalidAccessKeyId"
                    | "SignatureDoesNotMatch"
                    | "ExpiredToken"
                    | "InvalidToken"
                    | "NotSignedUp"
                    | "RequestTimeTooSkewed",
                ),
            ) => return Self::Denied { code: code.unwrap_or("403").to_owned() },
            _ => {}
        }
        if text.contains("incorrectly configured region") {
            return Self::Region;
        }
        // Where nothing else is set, the client asks the machine that it runs on, at an address
        // that only clouds answer.
        if text.contains("//169.254.169.254/") {
            return Self::NoCredentials;
        }
        if let Some(code) = code {
            return Self::Refused { code: code.to_owned() };
        }
        if let Some(status) = status(&text) {
            return Self::Refused { code: status.to_owned() };
        }
        let (mut cause, mut is_network): (&dyn Error, bool) = (error, false);
        while let Some(next) = cause.source() {
            is_network |= next.is::<HttpError>();
            cause = next;
        }
        let reason = if is_network { plain(&cause.to_string()) } else { plain(&text) };
        if is_network { Self::Unreachable { reason } } else { Self::Broken { reason } }
    }
}

/// An error of a [`pinned`](crate::pinned) bucket, below those of who reads through it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url}: {error}")]
pub struct StoreFailure {
    /// The object.
    pub url: ObjectUrl,
    /// What is wrong with it.
    pub error: ObjectError,
}

impl StoreFailure {
    /// The failure that is somewhere below an error.
    #[must_use]
    pub fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

impl From<ObjectError> for io::Error {
    fn from(error: ObjectError) -> Self {
        Self::other(error)
    }
}

/// The store's own word for an error, in the document that it sends.
fn code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let word = !code.is_empty() && code.len() <= 64;
    (word && code.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(code)
}

/// The number of an answer without a document.
fn status(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("non-2xx status code: ")?;
    rest.get(..3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// One line of bounded length.
fn plain(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: text.to_owned().into() }
    }

    #[test]
    fn a_store_is_quoted_by_its_code_alone() {
        let body = "Server returned non-2xx status code: 403 Forbidden: <Error>\
             <Code>InvalidAccessKeyId</Code><AWSAccessKeyId>AKIASECRET</AWSAccessKeyId></Error>";
        let told = ObjectError::of(&generic(body), "logs");
        assert!(matches!(&told, ObjectError::Denied { code } if code == "InvalidAccessKeyId"));
        let told = format!("{told} {told:?}");
        assert!(!told.contains("AKIASECRET"), "{told}");
        for (body, want) in [
            ("<Code>NoSuchBucket</Code>", "there is no bucket `logs`"),
            ("<Code>SlowDown</Code>", "the store answers SlowDown"),
            ("<Code>AuthorizationHeaderMalformed</Code>", "another region"),
            ("<Code>not a word</Code>", "it cannot be read"),
            ("Server returned non-2xx status code: 503 Busy: ", "the store answers 503"),
            (
                "Error performing PUT http://169.254.169.254/latest/api/token in 1s",
                "no credentials",
            ),
        ] {
            let told = ObjectError::of(&generic(body), "logs").to_string();
            assert!(told.contains(want), "{told}");
        }
    }
}
