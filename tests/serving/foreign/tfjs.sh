#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs TensorFlow.js for Node.js, built for the library in TensorFlow's own wheel: the
# one that it would download is of TensorFlow 2.9.
#
#     sh tfjs.sh FOLDER PYTHON
set -eu
tensorflow=$("$2" -c "
from importlib.util import find_spec
print(*find_spec('tensorflow').submodule_search_locations)")
mkdir -p "$1"
cp "$(dirname "$0")/package.json" "$1"
cd "$1"
npm install --silent --ignore-scripts
cd node_modules/@tensorflow/tfjs-node
mkdir -p deps/lib
ln -sfn "$tensorflow/include" deps/include
for name in cc framework; do
    ln -sf "$tensorflow/libtensorflow_$name.so.2" deps/lib
done
ln -sf libtensorflow_cc.so.2 deps/lib/libtensorflow.so
ln -sf libtensorflow_framework.so.2 deps/lib/libtensorflow_framework.so
node=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
npx node-pre-gyp install --silent --build-from-source --nodedir="$node"
