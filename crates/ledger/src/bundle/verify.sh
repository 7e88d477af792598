#!/bin/sh
# Checks an unpacked adproof bundle with openssl 3 and coreutils, and nothing of adproof's.
#
#   sh verify.sh KEYS [POLICY]
#
#   KEYS     the log's public keys (lines like name+hash+key) that you have from its operator; its
#            root key is enough where the bundle shows how the others came. Without KEYS those in
#            the bundle are used, which shows only that it fits together.
#   POLICY   the witnesses that you trust (a C2SP tlog-policy). Without it the list in the bundle
#            is used, which is the sender's word.
#
# Checks, for each record: the signature over its bytes and their type (DSSE) by a key that may sign
# it, as the records about keys tell, that it names the record in front where that one is in the
# bundle too, its place in the tree (RFC 6962), and the signature of the checkpoint (C2SP signed
# note); and the lines of witnesses under the checkpoint. Exit code: 0 all of it holds, 1 not, 2 it
# could not be checked. Left to `adproof bundle verify` and the page: that the record has its one
# canonical form, the revealed values, what the other party has signed, whether the witnesses are
# enough for the policy, and what lies in anchors/.

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
policy=policy
whose=', listed by the sender'
case ${2-} in
  '') ;;
  /*) policy=$2; whose= ;;
  *) policy=${OLDPWD:-.}/$2; whose= ;;
esac
[ -z "${2-}" ] || [ -r "$policy" ] || { printf 'cannot check: the policy %s cannot be read\n' "$2" >&2; exit 2; }
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
# SHA-256 is the id that records and signatures name. $work/ID.spans says what the key may sign:
# role, from which record, up to which.
unhex() { h=$1; while [ -n "$h" ]; do printf "\\$(printf %03o "0x${h%"${h#??}"}")"; h=${h#??}; done; }
ever=999999999999999999
# key ROLE FROM: the 32 bytes in $work/raw.
key() {
  { printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cat "$work/raw"; } > "$work/der"
  id=$(sha256 < "$work/der" | hex)
  { echo '-----BEGIN PUBLIC KEY-----'; base64 < "$work/der"; echo '-----END PUBLIC KEY-----'; } > "$work/$id.pem"
  printf '%s %s %s\n' "$1" "$2" "$ever" >> "$work/$id.spans"
  # The four bytes that name a checkpoint key in a note.
  if [ "$1" = checkpoint ]; then
    { printf '%s\n\001' "$log"; cat "$work/raw"; } | sha256 | head -c 4 | hex > "$work/$id.note"
    checkpoints="$checkpoints $id"
  fi
}
# may ROLE ID PLACE: whether the key may sign there.
may() {
  [ -r "$work/$2.spans" ] || return 1
  while read -r role from until; do
    if [ "$role" = "$1" ] && [ "$from" -le "$3" ] && [ "$3" -lt "$until" ]; then return 0; fi
  done < "$work/$2.spans"
  return 1
}
log=
checkpoints=
while IFS= read -r line || [ -n "$line" ]; do
  case $line in '' | '#'*) continue ;; esac
  name=${line%%+*}
  rest=${line#*+}
  printf '%s' "${rest#*+}" | base64 -d > "$work/vkey" 2> /dev/null || cannot "no key: $line"
  [ "$(wc -c < "$work/vkey")" -eq 33 ] || cannot "no Ed25519 key: $line"
  tail -c 32 "$work/vkey" > "$work/raw"
  case $name in
    */record | */root | */counterparty | */witness | */evidence) role=${name##*/}; name=${name%/*} ;;
    *) role=checkpoint ;;
  esac
  [ -z "$log" ] || [ "$log" = "$name" ] || cannot "the keys are of two logs: $log and $name"
  log=$name
  key "$role" 0
done < "$keys"
[ -n "$log" ] || cannot 'there is no key of a log among the keys'

# A record of N: the last `,"seq":` is the record's own, because what follows it holds no other.
load() {
  seq=$1
  file=records/$seq.json
  for end in json dsse.json tlog-proof; do
    [ -r "records/$seq.$end" ] || { bad "record $seq: records/$seq.$end is missing"; return 1; }
  done
  text=$(cat "$file")
  place=${text##*,\"seq\":}
  if [ "${place%%,*}" != "$seq" ]; then bad "record $seq: it names another place"; return 1; fi
  case $text in
    *",\"log\":\"$log\",\"prev\":\""*) ;;
    *) bad "record $seq: it is of another log"; return 1 ;;
  esac
}

# The signature of the record that was loaded. The payload of the envelope is the record; the key
# is the one that it names.
signed() {
  kid=$text
  case $kid in '{"kid":"'*) kid=${kid#'{"kid":"'} ;; *) kid=${kid##*\},\"kid\":\"} ;; esac
  kid=${kid%%\"*}
  envelope=$(cat "records/$seq.dsse.json")
  payload=${envelope#'{"payload":"'}
  if [ "${payload%%\"*}" != "$(base64 < "$file" | tr -d '\n')" ]; then
    bad "record $seq: the record beside its envelope is another one"; return 1
  fi
  needs=record
  case $text in *',"typ":"key","v":1}') needs=root ;; esac
  case $kid in '' | *[!0-9a-f]*) bad "record $seq: it names no key"; return 1 ;; esac
  if ! may "$needs" "$kid" "$seq"; then
    bad "record $seq: it names a key that may not sign it, $kid"; return 1
  fi
  case $envelope in
    *"{\"keyid\":\"$kid\",\"sig\":\""*) ;;
    *) bad "record $seq: it carries no signature of the key that it names"; return 1 ;;
  esac
  sig=${envelope##*\{\"keyid\":\"$kid\",\"sig\":\"}
  printf '%s' "${sig%%\"*}" | base64 -d > "$work/sig" 2> /dev/null
  { printf 'DSSEv1 38 application/vnd.adproof.record.v1+json %d ' "$(wc -c < "$file")"; cat "$file"; } > "$work/signed"
  if ! openssl pkeyutl -verify -pubin -inkey "$work/$kid.pem" -rawin -in "$work/signed" \
    -sigfile "$work/sig" > /dev/null 2>&1; then
    bad "record $seq: its signature does not fit"; return 1
  fi
}

# What a record about keys changes for those behind it. Its fields are in order; a quote within the
# reason is escaped, so `","role":"` stands in it once.
change() {
  load "$1" && signed || return
  rest=${text#'{"key":{"action":"'}
  action=${rest%%\"*}
  rest=${rest#*,\"from_seq\":}
  from=${rest%%,*}
  rest=${rest#*,\"public\":\"}
  public=${rest%%\"*}
  role=${text##*\",\"role\":\"}
  role=${role%%\"*}
  number "$from" || { bad "record $seq: it names no place"; return; }
  case $public in *[!0-9a-f]*) bad "record $seq: it names no key"; return ;; esac
  [ "$role" != evidence ] || return 0
  next=$((seq + 1))
  [ "$from" -ge "$next" ] || from=$next
  unhex "$public" > "$work/raw"
  if [ "$action" = add ]; then key "$role" "$from"; return; fi
  # Revoking does not wait, whatever place it names.
  [ "$action" = retire ] || from=$next
  ended=$({ printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cat "$work/raw"; } | sha256 | hex)
  [ "$action" = retire ] || printf '%s\n' "$seq" > "$work/$ended.revoked"
  [ -r "$work/$ended.spans" ] || return 0
  while read -r r f u; do
    if [ "$r" = "$role" ] && [ "$from" -lt "$u" ]; then u=$from; fi
    printf '%s %s %s\n' "$r" "$f" "$u"
  done < "$work/$ended.spans" > "$work/spans"
  mv "$work/spans" "$work/$ended.spans"
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

# The records about keys, in the order of their places.
done=-1
while :; do
  at=
  for seq in $seqs; do
    [ "$seq" -gt "$done" ] || continue
    [ -z "$at" ] || [ "$seq" -lt "$at" ] || continue
    [ -r "records/$seq.json" ] || continue
    case $(tail -c 19 "records/$seq.json") in '"typ":"key","v":1}' | ',"typ":"key","v":1}') at=$seq ;; esac
  done
  [ -n "$at" ] || break
  done=$at
  change "$at"
done

# The checkpoint: text, an empty line, signature lines. It is signed with its own key.
dash=$(printf '\342\200\224')
body=1
: > "$work/text"
: > "$work/lines"
while IFS= read -r line; do
  if [ $body = 0 ]; then printf '%s\n' "$line" >> "$work/lines"
  elif [ -z "$line" ]; then body=0
  else printf '%s\n' "$line" >> "$work/text"
  fi
done < checkpoint
{ IFS= read -r origin; IFS= read -r size; IFS= read -r root; } < "$work/text"
number "$size" || cannot 'the checkpoint has no size'
printf '%s' "$root" | base64 -d > "$work/root" 2> /dev/null
signature=
while IFS= read -r line; do
  case $line in "$dash $log "*) ;; *) continue ;; esac
  printf '%s' "${line##* }" | base64 -d > "$work/note-sig" 2> /dev/null
  for id in $checkpoints; do
    [ "$(head -c 4 "$work/note-sig" | hex)" = "$(cat "$work/$id.note")" ] || continue
    may checkpoint "$id" "$size" || continue
    tail -c +5 "$work/note-sig" > "$work/checkpoint.sig"
    signature=${signature:-good}
    openssl pkeyutl -verify -pubin -inkey "$work/$id.pem" -rawin -in "$work/text" \
      -sigfile "$work/checkpoint.sig" > /dev/null 2>&1 || signature=bad
  done
done < "$work/lines"
if [ "$origin" != "$log" ]; then
  bad "the checkpoint is of another log: $origin"
elif [ -z "$signature" ]; then
  bad 'the checkpoint is not signed with a key that you trust for its size'
elif [ $signature = good ]; then
  good "the checkpoint over $size records, signed by $log"
else
  bad 'the signature of the checkpoint does not fit'
fi

# A witness signs `cosignature/v1`, a time and the text; its line is 4 bytes of id, 8 of seconds, 64
# of Ed25519.
witnessed=0
witness() {
  name=${2%%+*}
  rest=${2#*+}
  printf '%s' "${rest#*+}" | base64 -d > "$work/vkey" 2> /dev/null
  if [ "$(wc -c < "$work/vkey")" -ne 33 ] || [ "$(head -c 1 "$work/vkey" | hex)" != 04 ]; then
    printf '        the witness %s uses a kind of key that is not checked here\n' "$1"; return
  fi
  { printf '%s\n' "$name"; cat "$work/vkey"; } | sha256 | head -c 4 | hex > "$work/witness-id"
  { printf '\060\052\060\005\006\003\053\145\160\003\041\000'; tail -c 32 "$work/vkey"; } > "$work/der"
  { echo '-----BEGIN PUBLIC KEY-----'; base64 < "$work/der"; echo '-----END PUBLIC KEY-----'; } > "$work/witness.pem"
  found=
  while IFS= read -r line; do
    case $line in "$dash $name "*) ;; *) continue ;; esac
    printf '%s' "${line##* }" | base64 -d > "$work/line" 2> /dev/null
    [ "$(head -c 4 "$work/line" | hex)" = "$(cat "$work/witness-id")" ] || continue
    seconds=0
    for byte in $(tail -c +5 "$work/line" | head -c 8 | od -An -v -tu1); do seconds=$((seconds * 256 + byte)); done
    tail -c 64 "$work/line" > "$work/witness.sig"
    { printf 'cosignature/v1\ntime %d\n' "$seconds"; cat "$work/text"; } > "$work/cosigned"
    found=${found:-good}
    [ "$(wc -c < "$work/line")" -eq 76 ] && openssl pkeyutl -verify -pubin -inkey "$work/witness.pem" -rawin \
      -in "$work/cosigned" -sigfile "$work/witness.sig" > /dev/null 2>&1 || found=bad
  done < "$work/lines"
  case $found in
    good) good "the checkpoint, signed by the witness $1$whose, $seconds seconds after 1970"; witnessed=1 ;;
    bad) bad "the line of the witness $1 does not fit the checkpoint" ;;
    *) printf '        the witness %s%s has not signed this checkpoint\n' "$1" "$whose" ;;
  esac
}
if [ -r "$policy" ]; then
  while read -r word name vkey rest; do
    [ "$word" != witness ] || witness "$name" "$vkey"
  done < "$policy"
fi

record() {
  load "$1" && signed || return
  if [ -r "$work/$kid.revoked" ]; then
    bad "record $seq: its key was revoked by record $(cat "$work/$kid.revoked"); whether it was there before only adproof bundle verify can tell, with --policy or --tsa-root"
    return
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

for seq in $seqs; do record "$seq"; done

if [ $failed = 0 ]; then
  echo 'verified: nothing is wrong'
  echo 'Not shown by this: that the keys are those of the log, that no change of keys was left out,'
  if [ $witnessed = 0 ]; then
    echo 'and, without a witness, that their holder did not write another history; compare the'
    echo 'checkpoint with one that somebody else has held.'
  else
    echo 'and that the witnesses are enough and independent of the log.'
  fi
else
  echo 'FAILED: do not rely on this bundle'
fi
exit $failed
