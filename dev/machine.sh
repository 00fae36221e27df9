#!/bin/bash
# Installs from Debian what the tests need and this machine lacks; says nothing when it lacks nothing.
# With an argument (venv, npm) installs just that.
set -euo pipefail

missing=()
lacks() { ! command -v "$1" >/dev/null; }
java_version() { java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p'; }

case "${1:-tests}" in
  venv) missing+=(python3-venv) ;;
  npm) missing+=(npm) ;;
  tests)
    if [[ -z ${TEST_CHROMIUM:-} ]]; then
      if lacks chromium && lacks chromium-browser && lacks google-chrome; then
        missing+=(chromium fonts-dejavu-core fonts-noto-color-emoji)
      fi
      # Beside a whole one: without a window, and a third quicker.
      if [[ ${CI:-} == true ]] && lacks chromium-headless-shell; then missing+=(chromium-headless-shell); fi
    fi
    # What drives the browser is a Node.js of its own, which needs this.
    if ! ldconfig -p | grep -q libatomic.so.1; then missing+=(libatomic1); fi
    if [[ -z ${TEST_KAFKA_SERVERS:-} ]]; then
      if lacks java || (($(java_version) < 17)); then missing+=(default-jre-headless); fi
      if lacks mvn; then missing+=(maven); fi
    fi
    # With these come daemons, so a machine that would start them gets them only in CI.
    if [[ ${CI:-} == true || ! -d /run/systemd/system ]]; then
      if lacks promtool; then missing+=(prometheus); fi
      if lacks docker-compose; then missing+=(docker-compose); fi
      if lacks turnserver; then missing+=(coturn); fi
      if lacks haproxy; then missing+=(haproxy); fi
      if [[ ! -x /usr/sbin/postfix ]]; then missing+=(postfix); fi
    fi
    ;;
esac
((${#missing[@]})) || exit 0

if lacks apt-get; then
  echo "Please install: ${missing[*]}" >&2
  exit 1
fi
as_root=()
if ((EUID)); then as_root=(sudo); fi
echo "Installing from Debian: ${missing[*]}"
if [[ " ${missing[*]} " == *" postfix "* ]] && ! lacks debconf-set-selections; then
  # Without a configuration of its own it is not started: the tests run their own instance.
  echo 'postfix postfix/main_mailer_type select No configuration' | "${as_root[@]}" debconf-set-selections
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
  apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
