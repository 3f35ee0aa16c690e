/** The second half of `make help`: the settings of the local stack with the values in force. */
import { describeSettings } from './settings.ts';

console.log('Settings of the local stack, as environment variables (default):');
console.log(describeSettings(process.env));
