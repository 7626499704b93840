#!/bin/sh
# Playwright asks Firefox to end with the first page's process that dies; tests kill these and go on.
unset MOZ_CRASHREPORTER_SHUTDOWN
exec "${FIREFOX:-/usr/bin/firefox-esr}" "$@"
