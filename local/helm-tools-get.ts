/** Gets what the tests of the chart run with, ahead of them: `make test` starts it first, since a build of helm takes minutes. */
import { helmTool, kubernetesSchemas, operatorSchemas } from './helm-tools.ts';

for (const get of [helmTool, kubernetesSchemas, operatorSchemas]) {
  const tool = await get();
  console.log('missing' in tool ? `not to be had: ${tool.missing}` : tool.path);
}
