//! The signed message around a time stamp (RFC 5652), and the little that is read of certificates
//! beside what the library of TLS reads.

use ring::digest::{self, Algorithm};

use super::der::{BOOLEAN, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, SET, context, value};

const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
pub(super) const TST_INFO: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const SIGNING_CERTIFICATE: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0c];
const SIGNING_CERTIFICATE_V2: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];
pub(super) const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
pub(super) const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
pub(super) const SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
pub(super) const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// The hashes that are accepted.
pub(super) fn digest_of(oid: &[u8]) -> Option<&'static Algorithm> {
    match oid {
        SHA256 => Some(&digest::SHA256),
        SHA384 => Some(&digest::SHA384),
        SHA512 => Some(&digest::SHA512),
        _ => None,
    }
}

/// The object identifier of an algorithm; what its parameters are shows when it is used.
pub(super) fn algorithm_of<'b>(reader: &mut Reader<'b>) -> Option<&'b [u8]> {
    Some(reader.inside(SEQUENCE)?.take(OID)?.content)
}

/// RFC 5652, section 5.1, with the one signer that RFC 3161 demands.
pub(super) struct SignedData<'b> {
    pub(super) content: &'b [u8],
    pub(super) certificates: &'b [u8],
    pub(super) signer: SignerInfo<'b>,
}

impl<'b> SignedData<'b> {
    pub(super) fn read(token: &'b [u8]) -> Option<Self> {
        let mut info = Reader::one(token, SEQUENCE)?;
        if info.take(OID)?.content != SIGNED_DATA {
            return None;
        }
        let mut explicit = info.inside(context(0))?;
        info.end()?;
        let mut data = explicit.inside(SEQUENCE)?;
        explicit.end()?;
        data.take(INTEGER)?;
        data.take(SET)?;
        let mut content = data.inside(SEQUENCE)?;
        if content.take(OID)?.content != TST_INFO {
            return None;
        }
        let mut octets = content.inside(context(0))?;
        content.end()?;
        let tst = octets.take(OCTET_STRING)?.content;
        octets.end()?;
        let certificates = data.optional(context(0)).map_or(&[][..], |value| value.content);
        data.optional(context(1));
        let mut signers = data.inside(SET)?;
        data.end()?;
        let signer = SignerInfo::read(signers.inside(SEQUENCE)?)?;
        signers.end()?;
        Some(Self { content: tst, certificates, signer })
    }
}

/// RFC 5652, section 5.3.
#[derive(Clone, Copy)]
pub(super) struct SignerInfo<'b> {
    /// The issuer's name and the serial number.
    issuer: Option<(&'b [u8], &'b [u8])>,
    pub(super) digest: &'b [u8],
    pub(super) attributes: &'b [u8],
    pub(super) signature: &'b [u8],
}

impl<'b> SignerInfo<'b> {
    fn read(mut reader: Reader<'b>) -> Option<Self> {
        reader.take(INTEGER)?;
        let who = reader.next()?;
        let issuer = match who.tag {
            SEQUENCE => {
                let mut who = Reader::new(who.content);
                let name = who.take(SEQUENCE)?.whole;
                Some((name, who.take(INTEGER)?.content))
            }
            // The signed attributes name the certificate; a key identifier adds nothing.
            0x80 => None,
            _ => return None,
        };
        let digest = algorithm_of(&mut reader)?;
        let attributes = reader.take(context(0))?.content;
        algorithm_of(&mut reader)?;
        let signature = reader.take(OCTET_STRING)?.content;
        reader.optional(context(1));
        reader.end()?;
        Some(Self { issuer, digest, attributes, signature })
    }
}

/// The signed attributes that RFC 3161 demands.
pub(super) struct Attributes<'b> {
    pub(super) content_type: &'b [u8],
    pub(super) message_digest: &'b [u8],
    /// The hash of the certificate, and with what.
    certificate: (&'static Algorithm, &'b [u8]),
}

impl<'b> Attributes<'b> {
    pub(super) fn read(attributes: &'b [u8]) -> Option<Self> {
        let (mut content_type, mut message_digest, mut certificate) = (None, None, None);
        let mut reader = Reader::new(attributes);
        while !reader.is_empty() {
            let mut attribute = reader.inside(SEQUENCE)?;
            let oid = attribute.take(OID)?.content;
            let mut values = attribute.inside(SET)?;
            attribute.end()?;
            // One value each, and each attribute once.
            let twice = match oid {
                CONTENT_TYPE => content_type.replace(values.take(OID)?.content).is_some(),
                MESSAGE_DIGEST => {
                    message_digest.replace(values.take(OCTET_STRING)?.content).is_some()
                }
                SIGNING_CERTIFICATE => {
                    certificate.get_or_insert(ess(values, false)?);
                    continue;
                }
                SIGNING_CERTIFICATE_V2 => {
                    certificate = Some(ess(values, true)?);
                    continue;
                }
                _ => continue,
            };
            if twice || values.end().is_none() {
                return None;
            }
        }
        Some(Self {
            content_type: content_type?,
            message_digest: message_digest?,
            certificate: certificate?,
        })
    }

    pub(super) fn names(&self, certificate: &[u8]) -> bool {
        let (algorithm, hash) = self.certificate;
        digest::digest(algorithm, certificate).as_ref() == hash
    }
}

/// The first certificate that the attribute names: RFC 2634, section 5.4, and RFC 5035, section 3.
/// The first version has SHA-1; it only chooses among certificates that are verified by themselves.
fn ess(mut values: Reader<'_>, second: bool) -> Option<(&'static Algorithm, &[u8])> {
    let mut attribute = values.inside(SEQUENCE)?;
    let mut identifiers = attribute.inside(SEQUENCE)?;
    let mut first = identifiers.inside(SEQUENCE)?;
    let algorithm = match first.optional(SEQUENCE) {
        Some(named) if second => digest_of(Reader::new(named.content).take(OID)?.content)?,
        Some(_) => return None,
        None if second => &digest::SHA256,
        None => &digest::SHA1_FOR_LEGACY_USE_ONLY,
    };
    Some((algorithm, first.take(OCTET_STRING)?.content))
}

/// What of a certificate is read beside what the library of TLS reads.
pub(super) struct Certificate<'b> {
    serial: &'b [u8],
    issuer: &'b [u8],
    subject: &'b [u8],
    extensions: &'b [u8],
}

impl<'b> Certificate<'b> {
    pub(super) fn read(der: &'b [u8]) -> Option<Self> {
        let mut tbs = Reader::one(der, SEQUENCE)?.inside(SEQUENCE)?;
        tbs.optional(context(0));
        let serial = tbs.take(INTEGER)?.content;
        tbs.take(SEQUENCE)?;
        let issuer = tbs.take(SEQUENCE)?.whole;
        tbs.take(SEQUENCE)?;
        let subject = tbs.take(SEQUENCE)?.content;
        tbs.take(SEQUENCE)?;
        tbs.optional(0x81);
        tbs.optional(0x82);
        let extensions = tbs.inside(context(3))?.take(SEQUENCE)?.content;
        Some(Self { serial, issuer, subject, extensions })
    }

    pub(super) fn is(&self, signer: &SignerInfo<'_>) -> bool {
        signer.issuer.is_none_or(|named| named == (self.issuer, self.serial))
    }

    /// RFC 3161, section 2.3: the one use, and critical.
    pub(super) fn is_for_time_stamps_alone(&self) -> bool {
        self.uses().is_some_and(|uses| uses == value(OID, &[TIME_STAMPING]))
    }

    /// The uses, where the extension is there once and critical.
    fn uses(&self) -> Option<&'b [u8]> {
        let mut reader = Reader::new(self.extensions);
        let mut uses = None;
        while !reader.is_empty() {
            let mut extension = reader.inside(SEQUENCE)?;
            if extension.take(OID)?.content != EXTENDED_KEY_USAGE {
                continue;
            }
            let critical = extension.optional(BOOLEAN).is_some_and(|value| value.content == [0xff]);
            let list = Reader::one(extension.take(OCTET_STRING)?.content, SEQUENCE)?;
            if !critical || uses.replace(list.rest()).is_some() {
                return None;
            }
        }
        uses
    }

    pub(super) fn common_name(&self) -> String {
        let mut names = Reader::new(self.subject);
        while let Some(set) = names.next() {
            let Some(mut pair) = Reader::new(set.content).inside(SEQUENCE) else { continue };
            if pair.take(OID).is_some_and(|oid| oid.content == COMMON_NAME) {
                let text = pair.next().map_or(&[][..], |value| value.content);
                let text = String::from_utf8_lossy(text);
                return text.chars().filter(|c| !c.is_control()).take(64).collect();
            }
        }
        String::new()
    }
}
