#!/bin/sh
# Checks an unpacked adproof bundle with openssl 3 and coreutils, and nothing of adproof's.
#
#   sh verify.sh KEYS     KEYS: the log's public keys (lines like name+hash+key) that you have from
#                         its operator. Without KEYS those in the bundle are used, which shows only
#                         that it fits together.
#
# Checks, for each record: the signature over its bytes and their type (DSSE), that it names the
# record in front where that one is in the bundle too, its place in the tree (RFC 6962), and the
# signature of the checkpoint (C2SP signed note). Exit code: 0 all of it holds, 1 not, 2 it could
# not be checked. Left to `adproof bundle verify` and the page: that the record has its one
# canonical form, the revealed values, and what the other party has signed.

set -u
LC_ALL=C
export LC_ALL
unset CDPATH

cd "$(dirname "$0")" || exit 2
keys=log.pub
case ${1-} in
  '') echo 'note: using the keys in the bundle itself; give those that you trust: sh verify.sh KEYS' ;;
  /*) keys=$1 ;;
  *) keys=${OLDPWD:-.}/$1 ;;
esac
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM

failed=0
bad() { printf 'FAILED: %s\n' "$1"; failed=1; }
good() { printf 'ok      %s\n' "$1"; }
cannot() { printf 'cannot check: %s\n' "$1" >&2; exit 2; }
sha256() { openssl dgst -sha256 -binary; }
hex() { od -An -v -tx1 | tr -d ' \n'; }
number() { case $1 in '' | *[!0-9]* | ???????????????????*) return 1 ;; esac; }

openssl version > /dev/null 2>&1 || cannot 'there is no openssl'
[ -r "$keys" ] || cannot "the keys $keys cannot be read"
[ -r checkpoint ] || cannot 'the file checkpoint cannot be read'

# Keys: each vkey is name+hash+base64(1, 32 bytes). An SPKI is a fixed head and the 32 bytes; its
# SHA-256 is the id that records and signatures name.
log=
while IFS= read -r line || [ -n "$line" ]; do
  case $line in '' | '#'*) continue ;; esac
  name=${line%%+*}
  rest=${line#*+}
  printf '%s' "${rest#*+}" | base64 -d > "$work/vkey" 2> /dev/null || cannot "no key: $line"
  [ "$(wc -c < "$work/vkey")" -eq 33 ] || cannot "no Ed25519 key: $line"
  { printf '\060\052\060\005\006\003\053\145\160\003\041\000'; tail -c 32 "$work/vkey"; } > "$work/der"
  id=$(sha256 < "$work/der" | hex)
  { echo '-----BEGIN PUBLIC KEY-----'; base64 < "$work/der"; echo '-----END PUBLIC KEY-----'; } > "$work/$id.pem"
  case $name in
    */record) role=record ;;
    */root) role=root ;;
    */counterparty) role=counterparty ;;
    *) role=checkpoint; log=$name
       # The four bytes that name the key in a note.
       { printf '%s\n\001' "$name"; tail -c 32 "$work/vkey"; } | sha256 | head -c 4 | hex > "$work/note-id"
       cp "$work/$id.pem" "$work/checkpoint.pem" ;;
  esac
  printf '%s\n' "$role" > "$work/$id.role"
done < "$keys"
[ -n "$log" ] || cannot 'there is no checkpoint key among the keys'

# The checkpoint: text, an empty line, signature lines. It is signed with its own key.
signature=
body=1
: > "$work/text"
while IFS= read -r line; do
  if [ $body = 1 ]; then
    if [ -z "$line" ]; then body=0; else printf '%s\n' "$line" >> "$work/text"; fi
  else
    dash=$(printf '\342\200\224')
    case $line in
      "$dash $log "*)
        printf '%s' "${line##* }" | base64 -d > "$work/note-sig" 2> /dev/null
        if [ "$(head -c 4 "$work/note-sig" | hex)" = "$(cat "$work/note-id")" ]; then
          tail -c +5 "$work/note-sig" > "$work/checkpoint.sig"
          signature=1
        fi ;;
    esac
  fi
done < checkpoint
{ IFS= read -r origin; IFS= read -r size; IFS= read -r root; } < "$work/text"
number "$size" || cannot 'the checkpoint has no size'
printf '%s' "$root" | base64 -d > "$work/root" 2> /dev/null
if [ "$origin" != "$log" ]; then
  bad "the checkpoint is of another log: $origin"
elif [ -z "$signature" ]; then
  bad 'the checkpoint is not signed with the key that you trust'
elif openssl pkeyutl -verify -pubin -inkey "$work/checkpoint.pem" -rawin -in "$work/text" \
  -sigfile "$work/checkpoint.sig" > /dev/null 2>&1; then
  good "the checkpoint over $size records, signed by $log"
else
  bad 'the signature of the checkpoint does not fit'
fi

# A record of N: the last `,"seq":` is the record's own, because what follows it holds no other.
record() {
  seq=$1
  file=records/$seq.json
  for end in json dsse.json tlog-proof; do
    [ -r "records/$seq.$end" ] || { bad "record $seq: records/$seq.$end is missing"; return; }
  done
  text=$(cat "$file")
  place=${text##*,\"seq\":}
  if [ "${place%%,*}" != "$seq" ]; then bad "record $seq: it names another place"; return; fi
  case $text in
    *",\"log\":\"$log\",\"prev\":\""*) ;;
    *) bad "record $seq: it is of another log"; return ;;
  esac

  # Its signature. The payload of the envelope is the record; the key is the one that it names.
  kid=$text
  case $kid in '{"kid":"'*) kid=${kid#'{"kid":"'} ;; *) kid=${kid##*\},\"kid\":\"} ;; esac
  kid=${kid%%\"*}
  envelope=$(cat "records/$seq.dsse.json")
  payload=${envelope#'{"payload":"'}
  if [ "${payload%%\"*}" != "$(base64 < "$file" | tr -d '\n')" ]; then
    bad "record $seq: the record beside its envelope is another one"; return
  fi
  role=record
  case $text in *',"typ":"key","v":1}') role=root ;; esac
  case $kid in '' | *[!0-9a-f]*) bad "record $seq: it names no key"; return ;; esac
  if [ "$(cat "$work/$kid.role" 2> /dev/null)" != "$role" ]; then
    bad "record $seq: it names a key that may not sign it, $kid"; return
  fi
  case $envelope in
    *"{\"keyid\":\"$kid\",\"sig\":\""*) ;;
    *) bad "record $seq: it carries no signature of the key that it names"; return ;;
  esac
  sig=${envelope##*\{\"keyid\":\"$kid\",\"sig\":\"}
  printf '%s' "${sig%%\"*}" | base64 -d > "$work/sig" 2> /dev/null
  { printf 'DSSEv1 38 application/vnd.adproof.record.v1+json %d ' "$(wc -c < "$file")"; cat "$file"; } > "$work/signed"
  if ! openssl pkeyutl -verify -pubin -inkey "$work/$kid.pem" -rawin -in "$work/signed" \
    -sigfile "$work/sig" > /dev/null 2>&1; then
    bad "record $seq: its signature does not fit"; return
  fi

  # The record in front, where it is here.
  { printf '\000'; cat "$file"; } | sha256 > "$work/leaf.$seq"
  front=records/$((seq - 1)).json
  link=
  if [ -r "$front" ]; then
    prev=${text##*\",\"prev\":\"}
    if [ "${prev%%\"*}" != "$({ printf '\000'; cat "$front"; } | sha256 | hex)" ]; then
      bad "record $seq: it does not name the record in front of it"; return
    fi
    link=", its link to record $((seq - 1))"
  fi

  # Its place: RFC 9162, section 2.1.3.2.
  head=1
  fn=$seq
  sn=$((size - 1))
  cp "$work/leaf.$seq" "$work/node"
  : > "$work/proof-checkpoint"
  if [ "$fn" -gt "$sn" ]; then bad "record $seq: the checkpoint does not cover it"; return; fi
  while IFS= read -r line; do
    case $head in
      1) [ "$line" = c2sp.org/tlog-proof@v1 ] || { bad "record $seq: its proof is no tlog-proof"; return; }
         head=2 ;;
      2) case $line in 'extra '*) continue ;; esac
         [ "$line" = "index $seq" ] || { bad "record $seq: its proof is for another place"; return; }
         head=3 ;;
      3) if [ -z "$line" ]; then head=4; continue; fi
         printf '%s' "$line" | base64 -d > "$work/p" 2> /dev/null
         [ "$sn" -ne 0 ] || { bad "record $seq: its proof is too long"; return; }
         if [ $((fn % 2)) -eq 1 ] || [ "$fn" -eq "$sn" ]; then
           { printf '\001'; cat "$work/p" "$work/node"; } | sha256 > "$work/next"
           while [ $((fn % 2)) -eq 0 ] && [ "$fn" -ne 0 ]; do fn=$((fn / 2)); sn=$((sn / 2)); done
         else
           { printf '\001'; cat "$work/node" "$work/p"; } | sha256 > "$work/next"
         fi
         mv "$work/next" "$work/node"
         fn=$((fn / 2))
         sn=$((sn / 2)) ;;
      4) printf '%s\n' "$line" >> "$work/proof-checkpoint" ;;
    esac
  done < "records/$seq.tlog-proof"
  if [ "$(sha256 < "$work/proof-checkpoint" | hex)" != "$(sha256 < checkpoint | hex)" ]; then
    bad "record $seq: its proof is under another checkpoint"; return
  fi
  if [ "$sn" -ne 0 ] || [ "$(hex < "$work/node")" != "$(hex < "$work/root")" ]; then
    bad "record $seq: its proof does not lead to the root of the checkpoint"; return
  fi
  good "record $seq: its signature, its place in the tree$link"
}

# Every file must be part of a record, so that none is passed over.
seqs=
for file in records/*; do
  seq=${file#records/}
  seq=${seq%%.*}
  number "$seq" || { bad "$file has no place in a bundle"; continue; }
  case " $seqs " in *" $seq "*) ;; *) seqs="$seqs $seq" ;; esac
done
[ -n "$seqs" ] || bad 'there is no record in it'
for seq in $seqs; do record "$seq"; done

if [ $failed = 0 ]; then
  echo 'verified: nothing is wrong'
  echo 'Not shown by this: that the keys are those of the log, and that their holder did not write'
  echo 'another history; compare the checkpoint with one that somebody else has held.'
else
  echo 'FAILED: do not rely on this bundle'
fi
exit $failed
