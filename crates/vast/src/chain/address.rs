use url::Url;

/// Why an address cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddressFault {
    #[error("VASTAdTagURI is missing or empty")]
    Missing,
    #[error("VASTAdTagURI is no absolute URL")]
    NotAbsolute,
    #[error("VASTAdTagURI is neither http nor https")]
    Scheme,
    #[error("VASTAdTagURI carries credentials")]
    Credentials,
}

/// The address in its canonical form: what two spellings of one address have in common.
///
/// Scheme and host in lower case, no default port, dot segments resolved, no fragment (RFC 3986
/// §6.2 and the URL standard). `//host/path`, as old tags write it, takes the scheme of the
/// document that holds it, or https.
pub(super) fn canonical(text: &str, base: Option<&str>) -> Result<Url, AddressFault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(AddressFault::Missing);
    }
    let mut url = if text.starts_with("//") {
        let secure = base.is_none_or(|base| !base.starts_with("http:"));
        let scheme = if secure { "https:" } else { "http:" };
        Url::parse(&format!("{scheme}{text}"))
    } else {
        Url::parse(text)
    }
    .map_err(|_| AddressFault::NotAbsolute)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(AddressFault::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressFault::Credentials);
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, base: Option<&str>, expect: Result<&str, AddressFault>) {
        let found = canonical(text, base).map(|url| url.to_string());
        assert_eq!(found.as_deref().map_err(|fault| *fault), expect, "{text}");
    }

    #[test]
    fn spellings_of_one_address_agree() {
        check("HTTPS://Ads.Example:443/a/../b#top", None, Ok("https://ads.example/b"));
        check(" http://ads.example ", None, Ok("http://ads.example/"));
        check("http://ads.example:8080/?q=[X]", None, Ok("http://ads.example:8080/?q=[X]"));
    }

    #[test]
    fn an_address_without_scheme_takes_that_of_its_document() {
        check("//ads.example/a", Some("http://x.example/"), Ok("http://ads.example/a"));
        check("//ads.example/a", Some("https://x.example/"), Ok("https://ads.example/a"));
        check("//ads.example/a", None, Ok("https://ads.example/a"));
    }

    #[test]
    fn what_is_no_web_address_is_refused() {
        check("", None, Err(AddressFault::Missing));
        check("  ", None, Err(AddressFault::Missing));
        check("/next.xml", None, Err(AddressFault::NotAbsolute));
        check("https://", None, Err(AddressFault::NotAbsolute));
        check("javascript:alert(1)", None, Err(AddressFault::Scheme));
        check("file:///etc/passwd", None, Err(AddressFault::Scheme));
        check("https://me:secret@ads.example/", None, Err(AddressFault::Credentials));
        check("https://me@ads.example/", None, Err(AddressFault::Credentials));
    }
}
