import "@fontsource-variable/inter";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./state/theme.svelte";
import { mount } from "svelte";
import App from "./App.svelte";

mount(App, { target: document.getElementById("portal")! });
