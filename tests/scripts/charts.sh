#!/usr/bin/env bash
# Makes the dashboard's chart library of what npm publishes, with only the parts that pages draw,
# and says whether the one in the tree is that: charts.sh FOLDER [--write]. FOLDER keeps what was
# fetched; without npm the script says that it was skipped.
set -euo pipefail
echarts=6.1.0
esbuild=0.28.2
site=$(cd "$(dirname "$0")/../../src/server/site" && pwd)
mkdir -p "$1" && cd "$1"
[ -d node_modules/echarts ] ||
  npm install --silent --no-fund --no-audit --prefix . "echarts@$echarts" "esbuild@$esbuild" ||
  { echo "skipped: npm gave no echarts" && exit 0; }
cat > entry.js << 'ENTRY'
import { BarChart, LineChart, SankeyChart } from 'echarts/charts';
import { GridComponent, MarkLineComponent, TooltipComponent } from 'echarts/components';
import { use } from 'echarts/core';
import { LegacyGridContainLabel } from 'echarts/features';
import { CanvasRenderer } from 'echarts/renderers';
use([BarChart, LineChart, SankeyChart, GridComponent, MarkLineComponent, TooltipComponent]);
use([LegacyGridContainLabel, CanvasRenderer]);
export { init } from 'echarts/core';
ENTRY
said="/*! Apache ECharts $echarts, Apache-2.0: /assets/echarts.LICENSE */"
node_modules/.bin/esbuild entry.js --bundle --minify --format=esm --target=es2022 \
  --legal-comments=inline --banner:js="$said" --log-level=warning --outfile=echarts.js
if [ "${2:-}" = --write ]; then cp echarts.js "$site/echarts.js"; fi
cmp echarts.js "$site/echarts.js"
echo "the chart library is echarts $echarts as npm has it"
