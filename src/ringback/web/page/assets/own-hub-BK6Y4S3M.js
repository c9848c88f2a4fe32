import{a as o,b as t}from"./chunk-JZNBY4RW.js";import"./chunk-YMPHTNSA.js";function m(e){let r=new o(t()).attach(e);e.addEventListener("message",({data:s})=>r(s)),e.start()}export{m as serve};
