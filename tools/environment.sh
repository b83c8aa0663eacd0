# SPDX-License-Identifier: Apache-2.0
#
# Sourced by ./dev and the scripts it calls, from the top of the tree: where the caches are. The Python environment is
# named after what is in it, so a changed requirement never meets an old environment.
: "${MILLRACE_CACHE:=$HOME/.cache/millrace}"
requirements_key=$(sha256sum tools/requirements.txt | cut -c1-10)
PYTHON_HOME=$MILLRACE_CACHE/py-$requirements_key
PYTHON=$PYTHON_HOME/bin/python
export MILLRACE_CACHE PYTHON_HOME PYTHON
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD} CCACHE_NOHASHDIR=1
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime  # what precompiled headers need
export CCACHE_DEPEND=1  # a first build need not preprocess each file for the cache
export PYTHONDONTWRITEBYTECODE=1
