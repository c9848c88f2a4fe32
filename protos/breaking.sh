#!/bin/sh
# usage: protos/breaking.sh BUF
# Fails if the protos of the working tree break clients of an earlier version, and says which version that is:
# origin/main, or else the last tag, or else the commit before. A commit is not compared with itself.
set -eu
buf=$1
head=$(git rev-parse --quiet --verify HEAD || true)
changed=$(git status --porcelain -- protos)

for ref in origin/main "$(git describe --tags --abbrev=0 HEAD~1 2>/dev/null || true)" HEAD~1 HEAD; do
    commit=$(git rev-parse --quiet --verify "$ref^{commit}") || continue
    [ "$commit" != "$head" ] || [ -n "$changed" ] || continue
    git cat-file -e "$commit:protos/ringback/v1/callbacks_service.proto" 2>/dev/null || continue
    echo "Comparing protos/ with those of $ref ($commit)"
    exec "$buf" breaking --against ".git#ref=$commit"
done
echo "Nothing to compare protos/ with: no earlier commit at hand has any"
